"""Positions at the input, added to the embeddings of tokens."""

from abc import ABC, abstractmethod
from math import log
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt
from typing_extensions import override

from archbuilder.language import Spec
from archbuilder.network.initializer import Initializer
from archbuilder.network.layer import embedding, identity
from archbuilder.network.layer_namespace import LayerNamespace
from archbuilder.network.layer_role import HEAD, LayerRole


class Position(ABC):
    """The built positions of a stack."""

    @abstractmethod
    def __call__(self, positions: Any, dtype: str) -> Any:
        """Return what is added to embeddings, [B or 1, T, E] for positions [B or 1, T], or 0."""


class PositionConfig(Spec):
    """The interface of positions at the input."""

    @abstractmethod
    def build(
        self,
        layers: LayerNamespace,
        name: str,
        dim: int,
        initializer: Initializer,
        role: LayerRole = HEAD,
    ) -> Position:
        """Return the positions for embeddings of width `dim`."""

    def longest(self) -> int | None:
        """Return the longest sequence, in tokens, that has positions. None: any length."""
        return None


class NoPositionsConfig(PositionConfig):
    """Nothing is added: the order is learned elsewhere, or not at all."""

    type: Literal["none"]

    @override
    def build(
        self,
        layers: LayerNamespace,
        name: str,
        dim: int,
        initializer: Initializer,
        role: LayerRole = HEAD,
    ) -> "NoPositions":
        return NoPositions()


class NoPositions(Position):
    """Zero for every position."""

    @override
    def __call__(self, positions: Any, dtype: str) -> float:
        return 0.0


class SinusoidalConfig(PositionConfig):
    """Sines and cosines of falling frequency (Vaswani et al., 2017, section 3.5)."""

    type: Literal["sinusoidal"]
    max_wavelength: PositiveFloat = 10_000.0
    """The slowest pair turns once in about 2*pi*max_wavelength tokens."""
    layout: Literal["interleaved", "halves"] = "interleaved"
    """A sine and its cosine in turn, as in the paper; or all sines, then all cosines, as in its
    first implementation and in Marian (Junczys-Dowmunt et al., 2018)."""

    @override
    def build(
        self,
        layers: LayerNamespace,
        name: str,
        dim: int,
        initializer: Initializer,
        role: LayerRole = HEAD,
    ) -> "Sinusoidal":
        return Sinusoidal(self, layers, name, dim)


class Sinusoidal(Position):
    """The table of sines and cosines, computed in the graph."""

    def __init__(
        self, config: SinusoidalConfig, layers: LayerNamespace, name: str, dim: int
    ) -> None:
        self.dim, self.max_wavelength = dim, config.max_wavelength
        self.halves = config.layout == "halves"
        self.join = (
            identity if self.halves else layers.Reshape((-1, dim), name=f"{name}.interleave")
        )

    @override
    def __call__(self, positions: Any, dtype: str) -> Any:
        from keras import ops

        angles = ops.cast(positions, "float32")[..., None] * frequencies(
            positions, self.dim, self.max_wavelength
        )
        waves = [ops.sin(angles), ops.cos(angles)]  # [B, T, E/2] each
        both = ops.concatenate if self.halves else ops.stack
        return ops.cast(self.join(both(waves, axis=-1)), dtype)


class LearnedConfig(PositionConfig):
    """One learned vector for each position (Gehring et al., 2017; Devlin et al., 2018)."""

    type: Literal["learned"]
    max_sequence_length: PositiveInt
    """Tokens; longer input is refused."""
    offset: NonNegativeInt = 0
    """Rows of the table before that of the first token, which no token has: 2 in RoBERTa, BART and
    OPT, whose implementations count positions from there."""

    @override
    def longest(self) -> int | None:
        return self.max_sequence_length

    @override
    def build(
        self,
        layers: LayerNamespace,
        name: str,
        dim: int,
        initializer: Initializer,
        role: LayerRole = HEAD,
    ) -> "Learned":
        return Learned(self, layers, name, dim, initializer, role)


class Learned(Position):
    """A table with a vector for each position."""

    def __init__(
        self,
        config: LearnedConfig,
        layers: LayerNamespace,
        name: str,
        dim: int,
        initializer: Initializer,
        role: LayerRole,
    ) -> None:
        rows, self.offset = config.max_sequence_length + config.offset, config.offset
        self.table = embedding(layers, name, rows, dim, initializer, role)

    @override
    def __call__(self, positions: Any, dtype: str) -> Any:
        return self.table(positions + self.offset if self.offset else positions)


def frequencies(positions: Any, dim: int, max_wavelength: float) -> Any:
    """Return the radians per token of each of dim/2 pairs: [1, 1, dim/2] for any positions [B, T].

    They are computed in the graph: a table would be saved as text, in double precision.
    """
    from keras import ops

    first = ops.ones_like(positions[:1, :1], dtype="float32")[..., None]
    pair = ops.cumsum(ops.repeat(first, dim // 2, axis=-1), axis=-1) - 1  # [1, 1, dim/2]
    return ops.exp(pair * (-2 * log(max_wavelength) / dim))


AnyPosition = Annotated[
    NoPositionsConfig | SinusoidalConfig | LearnedConfig, Field(discriminator="type")
]
