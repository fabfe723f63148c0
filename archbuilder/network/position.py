"""How a model knows the order of its tokens, when it learns of it at the input."""

from math import log
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from archbuilder.language import Spec
from archbuilder.network.layer import embedding


class NoPositions(Spec):
    """Nothing is added: the order is learned elsewhere, or not at all."""

    type: Literal["none"]

    def build(self, layers, name: str, dim: int, initializer):
        return lambda positions, dtype: 0.0


class Sinusoidal(Spec):
    """Sines and cosines of falling frequency, in turn (Vaswani et al., 2017, section 3.5)."""

    type: Literal["sinusoidal"]
    max_wavelength: PositiveFloat = 10_000.0
    """The slowest pair turns once in about 2*pi*max_wavelength tokens."""

    def build(self, layers, name: str, dim: int, initializer):
        interleave = layers.Reshape((-1, dim), name=f"{name}.interleave")
        return lambda positions, dtype: self._table(positions, dim, interleave, dtype)

    def _table(self, positions, dim, interleave, dtype):  # [B, T] -> [B, T, D]
        from keras import ops

        # The frequencies are counted in the graph: a table would be saved as text, in double.
        ones = ops.repeat(ops.ones_like(positions, dtype="float32")[..., None], dim // 2, axis=-1)
        pair = ops.cumsum(ones, axis=-1) - 1
        frequencies = ops.exp(pair * (-2 * log(self.max_wavelength) / dim))
        angles = ops.cast(positions, "float32")[..., None] * frequencies  # [B, T, D/2]
        return ops.cast(interleave(ops.stack([ops.sin(angles), ops.cos(angles)], axis=-1)), dtype)


class Learned(Spec):
    """One learned vector for each position (Gehring et al., 2017; Devlin et al., 2018)."""

    type: Literal["learned"]
    max_sequence_length: PositiveInt
    """Tokens; longer input is refused."""

    def build(self, layers, name: str, dim: int, initializer):
        table = embedding(layers, name, self.max_sequence_length, dim, initializer)
        return lambda positions, dtype: table(positions)  # [B, T] -> [B, T, D]


Positions = Annotated[NoPositions | Sinusoidal | Learned, Field(discriminator="type")]
