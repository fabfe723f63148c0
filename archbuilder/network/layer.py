"""Functions that create and build a layer in one call, with Keras or the parameter counter."""

from typing import Annotated, Any

from pydantic import Field

from archbuilder.network.initializer import Initializer, constant
from archbuilder.network.layer_namespace import LayerNamespace
from archbuilder.network.layer_role import HEAD, LayerRole, build_layer

Probability = Annotated[float, Field(ge=0, lt=1)]
"""A probability, at least 0 and below 1."""


def dense(
    layers: LayerNamespace,
    name: str,
    input_dim: int,
    units: int,
    initializer: Initializer,
    gain: float = 1.0,
    use_bias: bool = True,
    role: LayerRole = HEAD,
) -> Any:
    """Return a Dense layer that projects the last axis from `input_dim` to `units`.

    Args:
        layers: `keras.layers` or a `ParameterCounter`.
        name: Name of the layer, unique in the model.
        input_dim: Width of the input.
        units: Width of the output.
        initializer: Initializer of the kernel.
        gain: Factor that the initial kernel is multiplied by. Default: 1.
        use_bias: Whether a bias is added. Default: True.
        role: Role of the layer in training. Default: the role of a head.
    """
    kernel = initializer.kernel(input_dim, units, gain)
    layer = layers.Dense(units, kernel_initializer=kernel, use_bias=use_bias, name=name)
    return build_layer(layer, (None, None, input_dim), role)


def embedding(
    layers: LayerNamespace,
    name: str,
    rows: int,
    dim: int,
    initializer: Initializer,
    role: LayerRole = HEAD,
) -> Any:
    """Return an embedding with a matrix [rows, dim]; `reverse=True` projects vectors to logits.

    Args:
        layers: `keras.layers` or a `ParameterCounter`.
        name: Name of the layer, unique in the model.
        rows: Number of ids.
        dim: Width of the vectors.
        initializer: Initializer of the matrix.
        role: Role of the layer in training. Default: the role of a head.
    """
    table = initializer.table(dim)
    layer = layers.ReversibleEmbedding(rows, dim, embeddings_initializer=table, name=name)
    # Under mixed precision, Keras would project to logits in float32, the type of the weights.
    layer.reverse_dtype = layer.compute_dtype
    return build_layer(layer, (None, None), role.as_table())


def bias(layers: LayerNamespace, name: str, dim: int, role: LayerRole = HEAD) -> Any:
    """Return a bias [dim] as a standard Keras layer: an embedding of one row, read with id 0."""
    layer = layers.Embedding(1, dim, embeddings_initializer="zeros", name=name)
    return build_layer(layer, (None, None), role.as_vectors())


def channel_scale(
    layers: LayerNamespace, name: str, dim: int, initial: float, role: LayerRole = HEAD
) -> Any:
    """Return a layer that multiplies each channel of [B, T, D] by a learned factor.

    Args:
        layers: `keras.layers` or a `ParameterCounter`.
        name: Name of the layer, unique in the model.
        dim: Number of channels.
        initial: Initial value of the factors.
        role: Role of the layer in training. Default: the role of a head.
    """
    layer = layers.EinsumDense(
        "btd,d->btd", (None, dim), kernel_initializer=constant(initial), name=name
    )
    return build_layer(layer, (None, None, dim), role.as_vectors())


def dropout(layers: LayerNamespace, name: str, rate: float) -> Any:
    """Return a dropout layer, or the identity if `rate` is 0."""
    return layers.Dropout(rate, name=name) if rate else identity


def example_dropout(layers: LayerNamespace, name: str, rate: float) -> Any:
    """Return a layer that drops whole examples [T, D], or the identity if `rate` is 0."""
    return layers.Dropout(rate, noise_shape=(None, 1, 1), name=name) if rate else identity


def identity(x: Any) -> Any:
    """Return the input unchanged."""
    return x
