"""Multi-head, grouped-query and multi-query attention."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, PositiveFloat, PositiveInt
from typing_extensions import override

from archbuilder.language import Problem, at_key
from archbuilder.network.attention.attention import Attention, AttentionConfig
from archbuilder.network.attention_mask import AttentionContext
from archbuilder.network.attention_positions import (
    AnyAttentionPosition,
    AttentionPosition,
    PositionRequest,
)
from archbuilder.network.layer import Probability, dense, dropout, identity
from archbuilder.network.layer_context import LayerContext
from archbuilder.network.layer_namespace import LayerNamespace
from archbuilder.network.norm import AnyNorm


def _check_unique(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("must not name a projection twice")
    return names


Projection = Literal["query", "key", "value", "output"]


class MultiHeadAttentionConfig(AttentionConfig):
    """Scaled dot-product attention in several heads (Vaswani et al., 2017, section 3.2.2)."""

    type: Literal["multi_head"]
    num_heads: PositiveInt
    """Number of heads. It must divide hidden_dim unless key_dim is given."""
    num_key_value_heads: PositiveInt | None = None
    """Number of heads of keys and values, each shared by the same number of query heads:
    grouped-query attention (Ainslie et al., 2023), or multi-query attention with 1 (Shazeer, 2019).
    It must divide num_heads. Default: num_heads."""
    key_dim: PositiveInt | None = None
    """Number of channels of each head. Default: hidden_dim / num_heads."""
    positions: AnyAttentionPosition | None = None
    """Positions within attention, such as rotary. Default: none."""
    sliding_window_size: PositiveInt | None = None
    """Number of tokens that a query attends to (Beltagy et al., 2020, section 3.1): in a decoder
    the token itself and those before it; in an encoder the token itself and sliding_window_size / 2
    tokens on each side. Default: all tokens."""
    biases: Annotated[tuple[Projection, ...], AfterValidator(_check_unique)] = (
        "query",
        "key",
        "value",
        "output",
    )
    """Projections that have a bias. Default: all four."""
    query_key_norm: AnyNorm | None = None
    """Normalization of the queries and keys of each head (Henry et al., 2020; Dehghani et al.,
    2023). Default: no normalization."""
    scale: PositiveFloat | None = None
    """Factor of the attention logits, the products of queries and keys. Default: key_dim**-0.5."""
    logit_soft_cap: PositiveFloat | None = None
    """Soft cap of the attention logits: x becomes cap * tanh(x / cap) (Gemma Team, 2024, section
    2). Default: no cap."""
    dropout: Probability = 0.0
    """Dropout rate of the attention weights, at least 0 and below 1."""

    def head_dim(self, width: int) -> int:
        """Return the number of channels of each head in a stack of width `width`."""
        return self.key_dim or width // self.num_heads

    @override
    def for_cross_attention(self) -> "MultiHeadAttentionConfig":
        return self.model_copy(update={"positions": None, "sliding_window_size": None})

    @override
    def scaled(self, fraction: Fraction) -> "MultiHeadAttentionConfig":
        return self.model_copy(update={name: int(size * fraction) for name, size in self.sizes()})

    @override
    def sizes(self) -> Iterator[tuple[str, int]]:
        yield "num_heads", self.num_heads
        if self.num_key_value_heads is not None:
            yield "num_key_value_heads", self.num_key_value_heads

    @override
    def position_request(self, context: LayerContext) -> PositionRequest | None:
        if self.positions is None:
            return None
        return PositionRequest(self.positions, self.num_heads, self.head_dim(context.width))

    @override
    def window(self) -> int | None:
        return self.sliding_window_size

    @override
    def resolved(self, width: int) -> dict[str, Any]:
        key_dim = self.head_dim(width)
        return self.model_dump(mode="json") | {
            "key_dim": key_dim,
            "num_key_value_heads": self.num_key_value_heads or self.num_heads,
            "scale": self.scale or key_dim**-0.5,
            "biases": sorted(self.biases),
        }

    @override
    def build(
        self, layers: LayerNamespace, name: str, context: LayerContext, positions: AttentionPosition
    ) -> "MultiHeadAttention":
        return MultiHeadAttention(self, layers, name, context, positions)

    @override
    def problems(self, context: LayerContext) -> Iterator[Problem]:
        yield from self._head_problems(context.width)
        window, max_length = self.sliding_window_size, context.max_sequence_length
        if window is None or max_length is None:
            return
        if (window if context.causal else window // 2 + 1) >= max_length:
            yield Problem(
                ("sliding_window_size",),
                f"{window} has no effect on sequences of at most {max_length} tokens; remove it",
            )

    @override
    def memory_problems(self, context: LayerContext) -> Iterator[Problem]:
        yield from self._head_problems(context.width)
        for field in ("positions", "sliding_window_size"):
            if getattr(self, field):
                yield Problem((field,), "has no effect in cross-attention; remove it")

    def _head_problems(self, width: int) -> Iterator[Problem]:
        if self.key_dim is None and width % self.num_heads:
            yield Problem(
                ("num_heads",), f"num_heads ({self.num_heads}) must divide hidden_dim ({width})"
            )
        groups = self.num_key_value_heads
        if groups is not None and self.num_heads % groups:
            yield Problem(
                ("num_key_value_heads",),
                f"num_key_value_heads ({groups}) must divide num_heads ({self.num_heads})",
            )
        if self.positions is not None:
            yield from at_key("positions", self.positions.problems(self.head_dim(width)))


class MultiHeadAttention(Attention):
    """H heads of queries [B, H, T, K], and G heads of keys and values [B, G, S, K].

    The cache contains the keys and values, [B, G, max_length, K] each.
    """

    def __init__(
        self,
        config: MultiHeadAttentionConfig,
        layers: LayerNamespace,
        name: str,
        context: LayerContext,
        positions: AttentionPosition,
    ) -> None:
        heads, key_dim = config.num_heads, config.head_dim(context.width)
        self.groups = config.num_key_value_heads or heads
        self.key_dim, self.repeats = key_dim, heads // self.groups
        self._add_projections(config, layers, name, context)
        self.query_norm = self.key_norm = identity
        if config.query_key_norm is not None:
            norm, role = config.query_key_norm, context.role()
            self.query_norm = norm.build(layers, f"{name}.query_norm", key_dim, role)
            self.key_norm = norm.build(layers, f"{name}.key_norm", key_dim, role)
        self.dropout = dropout(layers, f"{name}.dropout", config.dropout)

        def split(kind: str, count: int) -> Any:
            return layers.Reshape((-1, count, key_dim), name=f"{name}.{kind}")

        self.split = split("split", heads)
        self.split_shared = split("split_shared", self.groups) if self.repeats > 1 else self.split
        self.merge = layers.Reshape((-1, heads * key_dim), name=f"{name}.merge")
        self.positions, self.cap = positions, config.logit_soft_cap
        self.scale = key_dim**-0.5 if config.scale is None else config.scale

    def _add_projections(
        self,
        config: MultiHeadAttentionConfig,
        layers: LayerNamespace,
        name: str,
        context: LayerContext,
    ) -> None:
        query_dim, key_value_dim = config.num_heads * self.key_dim, self.groups * self.key_dim
        width, initializer, gains = context.width, context.initializer, context.gains
        column, row = context.role("column"), context.role("row")

        def projection(kind: Projection, inputs: int, outputs: int, gain: float, role: Any) -> Any:
            use_bias = kind in config.biases
            return dense(
                layers, f"{name}.{kind}", inputs, outputs, initializer, gain, use_bias, role
            )

        query_gain = initializer.query_gain(self.key_dim)
        self.query = projection("query", width, query_dim, query_gain, column)
        self.key = projection("key", width, key_value_dim, 1.0, column)
        self.value = projection("value", width, key_value_dim, gains.inner, column)
        self.output = projection("output", query_dim, width, gains.output, row)

    @override
    def __call__(self, x: Any, context: AttentionContext) -> Any:
        return self._attend(x, self._keys_and_values(x, context.features), context)

    @override
    def init_cache(self, batch_size: int, max_length: int, dtype: str) -> tuple[Any, Any]:
        from keras import ops

        zeros = ops.zeros((batch_size, self.groups, max_length, self.key_dim), dtype=dtype)
        return zeros, zeros

    @override
    def call_with_cache(
        self, x: Any, cache: Any, index: Any, context: AttentionContext
    ) -> tuple[Any, Any]:
        from keras import ops

        new = self._keys_and_values(x, context.features)
        cache = tuple(
            ops.slice_update(tensor, (0, 0, index, 0), update)
            for tensor, update in zip(cache, new, strict=True)
        )
        return self._attend(x, cache, context), cache

    @override
    def project_memory(self, memory: Any) -> tuple[Any, Any]:
        return self._keys_and_values(memory, None)

    @override
    def attend_to_memory(self, x: Any, memory: Any, context: AttentionContext) -> Any:
        return self._attend(x, memory, context)

    def _keys_and_values(self, x: Any, features: Any) -> tuple[Any, Any]:
        """Return keys and values, [B, G, S, K] each, of x [B, S, D]."""
        keys = self.key_norm(_heads_first(self.split_shared(self.key(x))))
        values = _heads_first(self.split_shared(self.value(x)))
        return self.positions.rotate_keys(keys, features), values

    def _attend(self, x: Any, keys_and_values: tuple[Any, Any], context: AttentionContext) -> Any:
        from keras import ops

        keys, values = (self._for_all_heads(shared) for shared in keys_and_values)
        queries = self.query_norm(_heads_first(self.split(self.query(x))))
        queries = self.positions.rotate_queries(queries, context.features)
        if self.scale != 1:
            queries = queries * self.scale
        logits = ops.matmul(queries, ops.transpose(keys, (0, 1, 3, 2)))  # [B, H, T, S]
        logits = self.positions.adjust_logits(logits, queries, context.features)
        if self.cap is not None:
            logits = self.cap * ops.tanh(logits / self.cap)
        weights = self.dropout(ops.softmax(logits + context.bias))
        attended = self.positions.adjust_output(
            ops.matmul(weights, values), weights, context.features
        )
        return self.output(self.merge(_heads_first(attended)))  # [B, T, H, K] merges to [B, T, D]

    def _for_all_heads(self, x: Any) -> Any:  # [B, G, S, K] -> [B, H, S, K]
        from keras import ops

        return ops.repeat(x, self.repeats, axis=1) if self.repeats > 1 else x


def _heads_first(x: Any) -> Any:  # [B, T, H, K] -> [B, H, T, K], and back
    from keras import ops

    return ops.transpose(x, (0, 2, 1, 3))
