"""Position embeddings, added to the token embeddings at the input."""

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
    """The built position embeddings of a stack."""

    @abstractmethod
    def __call__(self, positions: Any, dtype: str) -> Any:
        """Return position embeddings [B or 1, T, E], or 0, for positions int32 [B or 1, T]."""


class PositionConfig(Spec):
    """The interface of position embeddings."""

    @abstractmethod
    def build(
        self,
        layers: LayerNamespace,
        name: str,
        dim: int,
        initializer: Initializer,
        role: LayerRole = HEAD,
    ) -> Position:
        """Return the position embeddings.

        Args:
            layers: `keras.layers` or a `ParameterCounter`.
            name: Name of the positions, a prefix of the names of their layers.
            dim: Width of the embeddings.
            initializer: Initializer of the weights.
            role: Role of the weights in training. Default: that of a head.
        """

    def max_length(self) -> int | None:
        """Return the maximum sequence length in tokens; None: no limit."""
        return None


class NoPositionsConfig(PositionConfig):
    """No position embeddings; attention may have its own positions."""

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
    """Position embeddings of zero."""

    @override
    def __call__(self, positions: Any, dtype: str) -> float:
        return 0.0


class SinusoidalConfig(PositionConfig):
    """Fixed sines and cosines of decreasing frequency (Vaswani et al., 2017, section 3.5)."""

    type: Literal["sinusoidal"]
    max_wavelength: PositiveFloat = 10_000.0
    """Base of the frequencies: wavelengths grow from 2*pi to about 2*pi*max_wavelength tokens."""
    layout: Literal["interleaved", "halves"] = "interleaved"
    """Order of the channels: `interleaved`, sines and cosines alternate, as in the paper; `halves`,
    all sines, then all cosines, as in its first implementation and in Marian (Junczys-Dowmunt et
    al., 2018)."""

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
    """Sines and cosines, computed in the graph."""

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
        combine = ops.concatenate if self.halves else ops.stack
        return ops.cast(self.join(combine(waves, axis=-1)), dtype)


class LearnedConfig(PositionConfig):
    """One learned vector for each position (Gehring et al., 2017; Devlin et al., 2018)."""

    type: Literal["learned"]
    max_sequence_length: PositiveInt
    """Maximum sequence length in tokens. Longer input is an error."""
    offset: NonNegativeInt = 0
    """Number of unused rows at the start of the embedding matrix: 2 for weights of RoBERTa, BART
    and OPT, whose first position is 2."""

    @override
    def max_length(self) -> int | None:
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
    """An embedding matrix with a row for each position."""

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
    """Return the frequency of each of dim/2 pairs of channels, in radians per token: [1, 1, dim/2].

    Frequencies are computed in the graph; Keras would save constants as text.

    Args:
        positions: Tensor [B, T] of the graph.
        dim: Number of channels.
        max_wavelength: Base of the frequencies.
    """
    from keras import ops

    first = ops.ones_like(positions[:1, :1], dtype="float32")[..., None]
    pair = ops.cumsum(ops.repeat(first, dim // 2, axis=-1), axis=-1) - 1  # [1, 1, dim/2]
    return ops.exp(pair * (-2 * log(max_wavelength) / dim))


AnyPosition = Annotated[
    NoPositionsConfig | SinusoidalConfig | LearnedConfig, Field(discriminator="type")
]
