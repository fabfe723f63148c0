"""Attention with linear biases: logits fall with distance."""

from typing import Any, Literal

from typing_extensions import override

from archbuilder.network.attention_mask import TokenPositions
from archbuilder.network.attention_positions.attention_position import (
    AttentionPosition,
    AttentionPositionConfig,
)
from archbuilder.network.layer_context import LayerContext
from archbuilder.network.layer_namespace import LayerNamespace


class AlibiConfig(AttentionPositionConfig):
    """Scores fall with distance, in each head at its own rate (Press et al., 2022, section 3).

    In an encoder they fall to both sides.
    """

    type: Literal["alibi"]

    @override
    def build(
        self, layers: LayerNamespace, name: str, num_heads: int, key_dim: int, context: LayerContext
    ) -> "Alibi":
        return Alibi(slopes(num_heads))


class Alibi(AttentionPosition):
    """The distance times the slope of each head, subtracted from the logits."""

    def __init__(self, slopes: list[float]) -> None:
        self.slopes = slopes

    def features(self, positions: TokenPositions, dtype: str) -> Any:
        """Return the biases: [B or 1, H, T, S]."""
        import numpy as np
        from keras import ops

        distance = ops.cast(ops.abs(positions.offsets()), "float32")[:, None]
        return ops.cast(distance * -np.array(self.slopes, "float32")[None, :, None, None], dtype)

    @override
    def bias(self, mask: Any, features: Any) -> Any:
        return mask + features


def slopes(num_heads: int) -> list[float]:
    """Return how fast each head's scores fall with distance.

    2**(-8/n), 2**(-16/n), ... for n heads, a power of two. Otherwise those of the power below, then
    every other one of the power above, as in the authors' implementation.
    """
    below = 2 ** (num_heads.bit_length() - 1)
    first = [2 ** (-8 * (head + 1) / below) for head in range(below)]
    return first + [2 ** (-4 * (head + 1) / below) for head in range(0, 2 * (num_heads - below), 2)]
