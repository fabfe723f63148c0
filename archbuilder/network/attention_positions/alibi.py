"""ALiBi, attention with linear biases: logits decrease with distance."""

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
    """Logits that decrease linearly with distance, with a slope for each head.

    Press et al., 2022, section 3. In an encoder, they decrease on both sides.
    """

    type: Literal["alibi"]

    @override
    def build(
        self, layers: LayerNamespace, name: str, num_heads: int, key_dim: int, context: LayerContext
    ) -> "Alibi":
        return Alibi(slopes(num_heads))


class Alibi(AttentionPosition):
    """A bias of the logits: minus the distance, times the slope of each head."""

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
    """Return the slope of each head.

    For n heads, a power of two, slopes are 2**(-8/n), 2**(-16/n), ... Otherwise they are those of
    the next lower power, then every second slope of the next higher power, as in the authors'
    implementation.
    """
    power = 2 ** (num_heads.bit_length() - 1)
    first = [2 ** (-8 * (head + 1) / power) for head in range(power)]
    return first + [2 ** (-4 * (head + 1) / power) for head in range(0, 2 * (num_heads - power), 2)]
