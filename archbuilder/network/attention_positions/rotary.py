"""Rotary position embeddings (RoPE): queries and keys are rotated by their positions."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat
from typing_extensions import override

from archbuilder.language import Problem, at_key
from archbuilder.network.attention_mask import TokenPositions
from archbuilder.network.attention_positions.attention_position import (
    AttentionPosition,
    AttentionPositionConfig,
)
from archbuilder.network.attention_positions.rotary_scaling import AnyRotaryScaling
from archbuilder.network.layer_context import LayerContext
from archbuilder.network.layer_namespace import LayerNamespace
from archbuilder.network.position import frequencies


class RotaryConfig(AttentionPositionConfig):
    """Rotation of pairs of channels of queries and keys, by angles proportional to the position.

    Su et al., 2021, equation 34.
    """

    type: Literal["rotary"]
    max_wavelength: PositiveFloat = 10_000.0
    """Base of the frequencies (theta): wavelengths grow from 2*pi to about 2*pi*max_wavelength
    tokens."""
    rotary_percentage: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Fraction of the channels of each head that are rotated; the others are unchanged."""
    layout: Literal["halves", "interleaved"] = "halves"
    """Pairs of channels: `halves`, channel i and channel i + width / 2, as in Llama and GPT-NeoX;
    `interleaved`, channels 2i and 2i + 1, as in the paper and in GPT-J."""
    scaling: AnyRotaryScaling | None = None
    """Scaling of the frequencies for texts longer than those a model was trained on. Default:
    none."""

    @override
    def problems(self, key_dim: int) -> Iterator[Problem]:
        width = key_dim * self.rotary_percentage
        if abs(width - round(width)) > 1e-6 or round(width) % 2 or not round(width):
            yield Problem(
                ("rotary_percentage",) if self.rotary_percentage < 1 else (),
                f"rotates {width:g} of {key_dim} channels per head; the number must be even",
            )
        if self.scaling is not None:
            yield from at_key("scaling", self.scaling.problems())

    @override
    def build(
        self, layers: LayerNamespace, name: str, num_heads: int, key_dim: int, context: LayerContext
    ) -> "Rotary":
        return Rotary(self, key_dim)


class Rotary(AttentionPosition):
    """Rotation of the first R of a head's K channels."""

    def __init__(self, config: RotaryConfig, key_dim: int) -> None:
        self.config, self.rotates_all = config, config.rotary_percentage == 1
        self.width = round(key_dim * config.rotary_percentage)
        half = self.width // 2
        self.interleaved = [pair + side * half for pair in range(half) for side in (0, 1)]
        self.swapped = [channel ^ 1 for channel in range(self.width)]

    def features(self, positions: TokenPositions, dtype: str) -> Any:
        """Return cosines and sines, [B or 1, 1, T, R] each."""
        from keras import ops

        pairs = frequencies(positions.queries, self.width, self.config.max_wavelength)
        if self.config.scaling is not None:
            pairs = self.config.scaling(pairs)
        angles = ops.cast(positions.queries, "float32")[..., None] * pairs
        cosines, sines = ops.cos(angles)[:, None], ops.sin(angles)[:, None]  # [.., 1, T, R/2]
        cosines = ops.concatenate([cosines, cosines], axis=-1)
        sines = ops.concatenate([-sines, sines], axis=-1)
        if self.config.layout == "interleaved":
            cosines, sines = (ops.take(x, self.interleaved, axis=-1) for x in (cosines, sines))
        return ops.cast(cosines, dtype), ops.cast(sines, dtype)

    @override
    def rotate(self, heads: Any, features: Any) -> Any:
        from keras import ops

        cosines, sines = features
        rotated = heads if self.rotates_all else heads[..., : self.width]
        rotated = rotated * cosines + self._partners(rotated) * sines
        if self.rotates_all:
            return rotated
        return ops.concatenate([rotated, heads[..., self.width :]], axis=-1)

    def _partners(self, x: Any) -> Any:
        """Return `x` with the two channels of each pair swapped."""
        from keras import ops

        if self.config.layout == "interleaved":
            return ops.take(x, self.swapped, axis=-1)
        half = self.width // 2
        return ops.concatenate([x[..., half:], x[..., :half]], axis=-1)
