"""Layers made and built in one line: Keras draws and the ledger counts from the same code."""

from typing import Annotated, Any

from pydantic import Field

from archbuilder.network.initializer import constant

Probability = Annotated[float, Field(ge=0, lt=1)]
"""A share that may be nothing but never all."""


def dense(
    layers, name: str, input_dim: int, units: int, initializer, gain: float = 1.0, **options: Any
):
    """A projection of the last axis from `input_dim` to `units`, with a bias unless told.

    `gain` multiplies its first weights.
    """
    kernel = initializer.kernel(input_dim, units, gain)
    layer = layers.Dense(units, kernel_initializer=kernel, name=name, **options)
    layer.build((None, None, input_dim))
    return layer


def embedding(layers, name: str, rows: int, dim: int, initializer):
    """A table of `rows` vectors, looked up by id and, reversed, an output projection [D, V]."""
    table = initializer.table(dim)
    layer = layers.ReversibleEmbedding(rows, dim, embeddings_initializer=table, name=name)
    # Keras would multiply in the table's own float32 under a mixed policy.
    layer.reverse_dtype = layer.compute_dtype
    layer.build((None, None))
    return layer


def bias(layers, name: str, dim: int):
    """A bare bias as a stock layer: an embedding of one row, looked up at zero."""
    layer = layers.Embedding(1, dim, embeddings_initializer="zeros", name=name)
    layer.build((None, None))
    return layer


def channel_scale(layers, name: str, dim: int, initial: float):
    """A learned factor for each channel of [B, T, D], which begins at `initial`."""
    layer = layers.EinsumDense(
        "btd,d->btd", (None, dim), kernel_initializer=constant(initial), name=name
    )
    layer.build((None, None, dim))
    return layer


def dropout(layers, name: str, rate: float):
    """Dropout at `rate`; nothing at all where the rate is zero."""
    return layers.Dropout(rate, name=name) if rate else identity


def example_dropout(layers, name: str, rate: float):
    """Dropout of an example's whole [T, D]; nothing at all where the rate is zero."""
    return layers.Dropout(rate, noise_shape=(None, 1, 1), name=name) if rate else identity


def identity(x):
    """The identity."""
    return x


def decays(layer_name: str, shape: tuple[int, ...]) -> bool:
    """Whether weight decay applies: to matrices and tables, not to norms and biases."""
    return len(shape) > 1 and not layer_name.endswith(".bias")
