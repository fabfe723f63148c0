"""Multi-head latent attention: keys and values are projected from one narrow latent vector."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Literal

from pydantic import PositiveInt

from archbuilder.network.attention.attention import Attention, AttentionConfig
from archbuilder.network.attention_mask import AttentionContext
from archbuilder.network.attention_positions import AttentionPosition, PositionRequest
from archbuilder.network.attention_positions.rotary import RotaryConfig
from archbuilder.network.layer import dense
from archbuilder.network.layer_context import LayerContext


class LatentConfig(AttentionConfig):
    """A cache of one latent and one rotary key (DeepSeek-AI, 2024, section 2.1)."""

    type: Literal["latent"]
    num_heads: PositiveInt
    """Number of heads."""
    latent_dim: PositiveInt
    """Width of the latent that keys and values are projected from."""
    key_dim: PositiveInt
    """Width of a head without its rotary part."""
    rotary_dim: PositiveInt
    """Width of the rotary part of a head, whose key all heads share."""

    def for_cross_attention(self) -> "LatentConfig":
        return self

    def scaled(self, fraction: Fraction) -> "LatentConfig":
        return self.model_copy(update={name: int(size * fraction) for name, size in self.sizes()})

    def sizes(self) -> Iterator[tuple[str, int]]:
        yield "num_heads", self.num_heads
        yield "latent_dim", self.latent_dim

    def position_request(self, context: LayerContext) -> PositionRequest:
        return PositionRequest(RotaryConfig(type="rotary"), self.num_heads, self.rotary_dim)

    def build(
        self, layers: Any, name: str, context: LayerContext, positions: AttentionPosition
    ) -> "Latent":
        return Latent(self, layers, name, context, positions)


class Latent(Attention):
    """The cache is the latents [B, S, L] and the rotary keys [B, 1, S, R]."""

    def __init__(
        self,
        config: LatentConfig,
        layers: Any,
        name: str,
        context: LayerContext,
        positions: AttentionPosition,
    ) -> None:
        heads, width = config.num_heads, context.width
        self.config, self.positions = config, positions

        def projection(kind: str, inputs: int, outputs: int, role: Any) -> Any:
            initializer = context.initializer
            return dense(
                layers, f"{name}.{kind}", inputs, outputs, initializer, use_bias=False, role=role
            )

        def split(kind: str, count: int, size: int) -> Any:
            return layers.Reshape((-1, count, size), name=f"{name}.{kind}")

        column, key_dim, latent = context.role("column"), config.key_dim, config.latent_dim
        query_dim = key_dim + config.rotary_dim
        self.query = projection("query", width, heads * query_dim, column)
        self.down = projection("latent_down", width, latent, context.role())
        self.rotary_key = projection("rotary_key", width, config.rotary_dim, context.role())
        self.key = projection("key", latent, heads * key_dim, column)
        self.value = projection("value", latent, heads * key_dim, column)
        self.output = projection("output", heads * key_dim, width, context.role("row"))
        self.split, self.split_queries = (
            split("split", heads, key_dim),
            split("whole", heads, query_dim),
        )
        self.split_shared = split("split_shared", 1, config.rotary_dim)
        self.merge = layers.Reshape((-1, heads * key_dim), name=f"{name}.merge")

    def __call__(self, x: Any, context: AttentionContext) -> Any:
        return self._attend(x, self._compress(x, context.features), context)

    def init_cache(self, batch_size: int, max_length: int, dtype: str) -> tuple[Any, Any]:
        from keras import ops

        rotary = (batch_size, 1, max_length, self.config.rotary_dim)
        latents = (batch_size, max_length, self.config.latent_dim)
        return ops.zeros(latents, dtype), ops.zeros(rotary, dtype)

    def call_with_cache(
        self, x: Any, cache: Any, index: Any, context: AttentionContext
    ) -> tuple[Any, tuple[Any, Any]]:
        from keras import ops

        latents, rotary = self._compress(x, context.features)
        latents = ops.slice_update(cache[0], (0, index, 0), latents)
        rotary = ops.slice_update(cache[1], (0, 0, index, 0), rotary)
        return self._attend(x, (latents, rotary), context), (latents, rotary)

    def project_memory(self, memory: Any) -> tuple[Any, Any]:
        return self._compress(memory, None)

    def attend_to_memory(self, x: Any, memory: Any, context: AttentionContext) -> Any:
        return self._attend(x, memory, context)

    def _compress(self, x: Any, features: Any) -> tuple[Any, Any]:
        rotary = _heads_first(self.split_shared(self.rotary_key(x)))
        return self.down(x), self.positions.rotate_keys(rotary, features)

    def _attend(self, x: Any, compressed: tuple[Any, Any], context: AttentionContext) -> Any:
        from keras import ops

        latents, rotary_keys = compressed
        key_dim = self.config.key_dim
        queries = _heads_first(self.split_queries(self.query(x)))
        rotary = self.positions.rotate_queries(queries[..., key_dim:], context.features)
        keys = _heads_first(self.split(self.key(latents)))
        scores = ops.matmul(queries[..., :key_dim], ops.transpose(keys, (0, 1, 3, 2)))
        scores = scores + ops.matmul(rotary, ops.transpose(rotary_keys, (0, 1, 3, 2)))
        scores = scores * (key_dim + self.config.rotary_dim) ** -0.5
        values = _heads_first(self.split(self.value(latents)))
        attended = ops.matmul(ops.softmax(scores + context.bias), values)
        return self.output(self.merge(_heads_first(attended)))


def _heads_first(x: Any) -> Any:
    from keras import ops

    return ops.transpose(x, (0, 2, 1, 3))
