"""xPos: rotary positions whose queries grow and whose keys shrink with position."""

from typing import Any, Literal

from pydantic import PositiveFloat

from archbuilder.network.attention_mask import TokenPositions
from archbuilder.network.attention_positions.attention_position import (
    AttentionPosition,
    AttentionPositionConfig,
)
from archbuilder.network.attention_positions.rotary import Rotary, RotaryConfig
from archbuilder.network.layer_context import LayerContext


class XposConfig(AttentionPositionConfig):
    """Rotary positions that attend less to distant tokens (Sun et al., 2022, section 2.1)."""

    type: Literal["xpos"]
    scale_base: PositiveFloat = 512.0
    """Tokens over which a pair with zeta z is scaled by z."""

    def build(
        self, layers: Any, name: str, num_heads: int, key_dim: int, context: LayerContext
    ) -> "Xpos":
        return Xpos(self, key_dim)


class Xpos(AttentionPosition):
    """A rotation, then a factor for each pair and position."""

    def __init__(self, config: XposConfig, key_dim: int) -> None:
        self.scale_base = config.scale_base
        self.zeta = [(2 * pair / key_dim + 0.4) / 1.4 for pair in range(key_dim // 2)] * 2
        self.rotary = Rotary(RotaryConfig(type="rotary"), key_dim)

    def features(self, positions: TokenPositions, dtype: str) -> Any:
        """Return cosines and sines, and the factor of queries, [B or 1, 1, T, K]."""
        import numpy as np
        from keras import ops

        power = ops.cast(positions.queries, "float32")[:, None, :, None] / self.scale_base
        scale = ops.exp(power * np.log(np.array(self.zeta, "float32")))
        return *self.rotary.features(positions, dtype), ops.cast(scale, dtype)

    def rotate_queries(self, queries: Any, features: Any) -> Any:
        *angles, scale = features
        return self.rotary.rotate(queries, angles) * scale

    def rotate_keys(self, keys: Any, features: Any) -> Any:
        *angles, scale = features
        return self.rotary.rotate(keys, angles) / scale
