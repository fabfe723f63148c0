"""Relative position vectors of Shaw et al., added to keys and values."""

from typing import Any, ClassVar, Literal

from pydantic import PositiveInt
from typing_extensions import override

from archbuilder.network.attention_mask import TokenPositions
from archbuilder.network.attention_positions.attention_position import (
    AttentionPosition,
    AttentionPositionConfig,
)
from archbuilder.network.layer import dense
from archbuilder.network.layer_context import LayerContext
from archbuilder.network.layer_namespace import LayerNamespace


class ShawConfig(AttentionPositionConfig):
    """A learned vector for each distance, added to keys (Shaw et al., 2018, equations 3 to 5)."""

    type: Literal["shaw"]
    max_distance: PositiveInt
    """Maximum distance in tokens; larger distances use its vector."""
    values: bool = False
    """Whether vectors are also added to values."""

    shared: ClassVar[bool] = False

    @override
    def build(
        self, layers: LayerNamespace, name: str, num_heads: int, key_dim: int, context: LayerContext
    ) -> "Shaw":
        return Shaw(self, layers, name, key_dim, context)


class Shaw(AttentionPosition):
    """R = 2 * max_distance + 1 vectors, shared by all heads."""

    def __init__(
        self,
        config: ShawConfig,
        layers: LayerNamespace,
        name: str,
        key_dim: int,
        context: LayerContext,
    ) -> None:
        def vectors(kind: str, inputs: int, outputs: int) -> Any:
            full_name, role = f"{name}.{kind}", context.role()
            initializer = context.initializer
            return dense(layers, full_name, inputs, outputs, initializer, use_bias=False, role=role)

        self.max_distance, rows = config.max_distance, 2 * config.max_distance + 1
        self.keys = vectors("keys", key_dim, rows)
        self.values = vectors("values", rows, key_dim) if config.values else None

    def features(self, positions: TokenPositions, dtype: str) -> Any:
        """Return one-hot distances, [B or 1, T, S, R]."""
        from keras import ops

        offsets = ops.clip(positions.offsets(), -self.max_distance, self.max_distance)
        return ops.one_hot(offsets + self.max_distance, 2 * self.max_distance + 1, dtype=dtype)

    @override
    def adjust_logits(self, logits: Any, queries: Any, features: Any) -> Any:
        from keras import ops

        by_distance = ops.transpose(self.keys(queries), (0, 2, 1, 3))  # [B, T, H, R]
        added = ops.matmul(by_distance, ops.transpose(features, (0, 1, 3, 2)))  # [B, T, H, S]
        return logits + ops.transpose(added, (0, 2, 1, 3))

    @override
    def adjust_output(self, attended: Any, weights: Any, features: Any) -> Any:
        from keras import ops

        if self.values is None:
            return attended
        by_distance = ops.matmul(ops.transpose(weights, (0, 2, 1, 3)), features)  # [B, T, H, R]
        return attended + ops.transpose(self.values(by_distance), (0, 2, 1, 3))
