"""Differential attention: the difference of two softmax maps."""

from collections.abc import Iterator
from fractions import Fraction
from math import exp
from typing import Any, Literal

from pydantic import PositiveInt

from archbuilder.language import Problem
from archbuilder.network.attention.attention import Attention, AttentionConfig
from archbuilder.network.attention_mask import AttentionContext
from archbuilder.network.attention_positions import (
    AnyAttentionPosition,
    AttentionPosition,
    PositionRequest,
)
from archbuilder.network.layer import dense, embedding
from archbuilder.network.layer_context import LayerContext


class DifferentialConfig(AttentionConfig):
    """Differential attention: the difference of two softmax maps (Ye et al., 2024, section 2.1)."""

    type: Literal["differential"]
    num_heads: PositiveInt
    """Heads, each of two queries and keys and one value of twice their width."""
    positions: AnyAttentionPosition | None = None
    """Positions within attention. Default: none."""

    def for_cross_attention(self) -> "DifferentialConfig":
        return self.model_copy(update={"positions": None})

    def scaled(self, fraction: Fraction) -> "DifferentialConfig":
        return self.model_copy(update={"num_heads": int(self.num_heads * fraction)})

    def sizes(self) -> Iterator[tuple[str, int]]:
        yield "num_heads", self.num_heads

    def position_request(self, context: LayerContext) -> PositionRequest | None:
        if self.positions is None:
            return None
        width = context.width // (2 * self.num_heads)
        return PositionRequest(self.positions, 2 * self.num_heads, width)

    def build(
        self, layers: Any, name: str, context: LayerContext, positions: AttentionPosition
    ) -> "Differential":
        return Differential(self, layers, name, context, positions)

    def problems(self, context: LayerContext) -> Iterator[Problem]:
        if context.width % (2 * self.num_heads):
            yield Problem(("num_heads",), f"twice {self.num_heads} must divide {context.width}")


class Differential(Attention):
    """2H maps over keys of width K, and H values of width 2K."""

    def __init__(
        self,
        config: DifferentialConfig,
        layers: Any,
        name: str,
        context: LayerContext,
        positions: AttentionPosition,
    ) -> None:
        width, initializer, self.heads = context.width, context.initializer, config.num_heads
        self.key_dim, self.positions = width // (2 * self.heads), positions

        def projection(kind: str, role: Any) -> Any:
            return dense(layers, f"{name}.{kind}", width, width, initializer, role=role)

        self.query, self.key, self.value = (
            projection(kind, context.role("column")) for kind in ("query", "key", "value")
        )
        self.output = projection("output", context.role("row"))
        role = context.role()
        self.vectors = embedding(layers, f"{name}.lambda", 4, self.key_dim, initializer, role)
        self.initial = 0.8 - 0.6 * exp(-0.3 * context.index)
        self.norm = layers.RMSNormalization(epsilon=1e-5, name=f"{name}.head_norm")
        self.norm.build((None, None, 2 * self.key_dim))
        self.split = layers.Reshape((-1, 2 * self.heads, self.key_dim), name=f"{name}.split")
        self.split_values = layers.Reshape((-1, self.heads, 2 * self.key_dim), name=f"{name}.wide")
        self.merge = layers.Reshape((-1, width), name=f"{name}.merge")

    def __call__(self, x: Any, context: AttentionContext) -> Any:
        return self._attend(x, self._project(x, context.features), context)

    def init_cache(self, batch_size: int, max_length: int, dtype: str) -> dict:
        from keras import ops

        keys = (batch_size, 2 * self.heads, max_length, self.key_dim)
        values = (batch_size, self.heads, max_length, 2 * self.key_dim)
        return {"keys": ops.zeros(keys, dtype), "values": ops.zeros(values, dtype)}

    def call_with_cache(
        self, x: Any, cache: Any, index: Any, context: AttentionContext
    ) -> tuple[Any, dict]:
        from keras import ops

        new = self._project(x, context.features)
        cache = {key: ops.slice_update(cache[key], (0, 0, index, 0), new[key]) for key in cache}
        return self._attend(x, cache, context), cache

    def project_memory(self, memory: Any) -> dict:
        return self._project(memory, None)

    def attend_to_memory(self, x: Any, memory: Any, context: AttentionContext) -> Any:
        return self._attend(x, memory, context)

    def _project(self, x: Any, features: Any) -> dict:
        keys = self.positions.rotate_keys(_heads_first(self.split(self.key(x))), features)
        return {"keys": keys, "values": _heads_first(self.split_values(self.value(x)))}

    def _attend(self, x: Any, memory: dict, context: AttentionContext) -> Any:
        from keras import ops

        queries = _heads_first(self.split(self.query(x))) * self.key_dim**-0.5
        queries = self.positions.rotate_queries(queries, context.features)
        scores = ops.matmul(queries, ops.transpose(memory["keys"], (0, 1, 3, 2)))
        scores = self.positions.adjust_logits(scores, queries, context.features)
        maps = ops.softmax(scores + context.bias)  # [B, 2H, T, S]
        weights = maps[:, : self.heads] - self._lambda(x) * maps[:, self.heads :]
        attended = ops.matmul(weights, memory["values"])  # [B, H, T, 2K]
        attended = self.norm(attended) * (1 - self.initial)
        return self.output(self.merge(_heads_first(attended)))

    def _lambda(self, x: Any) -> Any:
        from keras import ops

        ones = ops.ones_like(x[:1, :1, 0], dtype="int32")  # [1, 1]
        rows = self.vectors(ops.cumsum(ops.repeat(ones, 4, axis=1), axis=1) - 1)  # [1, 4, K]
        products = ops.exp(ops.sum(rows[:, 0::2] * rows[:, 1::2], axis=-1))  # [1, 2]
        return (products[:, 0] - products[:, 1] + self.initial)[:, None, None, None]


def _heads_first(x: Any) -> Any:
    from keras import ops

    return ops.transpose(x, (0, 2, 1, 3))
