"""How a model knows the order of its tokens, when it learns of it at the input."""

from math import log
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from archbuilder.language import Spec
from archbuilder.network.layer import embedding, identity


class NoPositionsConfig(Spec):
    """Nothing is added: the order is learned elsewhere, or not at all."""

    type: Literal["none"]

    def build(self, layers, name: str, dim: int, initializer):
        return lambda positions, dtype: 0.0


class SinusoidalConfig(Spec):
    """Sines and cosines of falling frequency (Vaswani et al., 2017, section 3.5)."""

    type: Literal["sinusoidal"]
    max_wavelength: PositiveFloat = 10_000.0
    """The slowest pair turns once in about 2*pi*max_wavelength tokens."""
    layout: Literal["interleaved", "halves"] = "interleaved"
    """A sine and its cosine in turn, as in the paper; or all sines, then all cosines, as in its
    first implementation and in Marian (Junczys-Dowmunt et al., 2018)."""

    def build(self, layers, name: str, dim: int, initializer):
        halves = self.layout == "halves"
        join = identity if halves else layers.Reshape((-1, dim), name=f"{name}.interleave")
        return lambda positions, dtype: self._table(positions, dim, join, dtype)

    def _table(self, positions, dim, join, dtype):  # [B, T] -> [B, T, D]
        from keras import ops

        angles = ops.cast(positions, "float32")[..., None] * frequencies(
            positions, dim, self.max_wavelength
        )
        waves = [ops.sin(angles), ops.cos(angles)]  # [B, T, D/2] each
        both = ops.concatenate if self.layout == "halves" else ops.stack
        return ops.cast(join(both(waves, axis=-1)), dtype)


class LearnedConfig(Spec):
    """One learned vector for each position (Gehring et al., 2017; Devlin et al., 2018)."""

    type: Literal["learned"]
    max_sequence_length: PositiveInt
    """Tokens; longer input is refused."""
    offset: NonNegativeInt = 0
    """Rows of the table before that of the first token, which no token has: 2 in RoBERTa, BART and
    OPT, whose implementations count positions from there."""

    def build(self, layers, name: str, dim: int, initializer):
        table = embedding(layers, name, self.max_sequence_length + self.offset, dim, initializer)
        if not self.offset:
            return lambda positions, dtype: table(positions)  # [B, T] -> [B, T, D]
        return lambda positions, dtype: table(positions + self.offset)


def frequencies(positions, dim: int, max_wavelength: float):
    """Radians by which each of D/2 pairs turns from token to token: [1, 1, D/2] for any [B, T].

    They are counted in the graph: a table would be saved as text, in double.
    """
    from keras import ops

    first = ops.ones_like(positions[:1, :1], dtype="float32")[..., None]
    pair = ops.cumsum(ops.repeat(first, dim // 2, axis=-1), axis=-1) - 1  # [1, 1, D/2]
    return ops.exp(pair * (-2 * log(max_wavelength) / dim))


AnyPosition = Annotated[
    NoPositionsConfig | SinusoidalConfig | LearnedConfig, Field(discriminator="type")
]
