"""Attention: each query gathers values by how well their keys match it, where the mask allows."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, PositiveFloat, PositiveInt

from archbuilder.language import Problem, Spec, at_key
from archbuilder.network.attention_mask import AttentionContext
from archbuilder.network.attention_position import AnyAttentionPosition, AttentionPosition
from archbuilder.network.initializer import Gains
from archbuilder.network.layer import Probability, dense, dropout, identity
from archbuilder.network.norm import AnyNorm


def _once_each(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("names a projection twice")
    return names


Projection = Literal["query", "key", "value", "output"]


class MultiHeadAttentionConfig(Spec):
    """Several attentions side by side, each on its own projection (Vaswani et al., 2017, 3.2.2)."""

    type: Literal["multi_head"]
    num_heads: PositiveInt
    """Heads of queries; must divide hidden_dim unless key_dim is given."""
    num_key_value_heads: PositiveInt | None = None
    """Heads of keys and values, each for equally many heads of queries (Ainslie et al., 2023; with
    one, Shazeer, 2019); as many as num_heads unless told."""
    key_dim: PositiveInt | None = None
    """Width of a head; hidden_dim / num_heads unless told."""
    positions: AnyAttentionPosition | None = None
    """How attention knows how far apart tokens are; nothing where the input tells."""
    sliding_window_size: PositiveInt | None = None
    """Tokens that a query reaches: in a decoder itself and those before it, so many in all; in an
    encoder itself and half as many to either side (Beltagy et al., 2020, section 3.1)."""
    biases: Annotated[tuple[Projection, ...], AfterValidator(_once_each)] = (
        "query",
        "key",
        "value",
        "output",
    )
    """The projections that have a bias."""
    query_key_norm: AnyNorm | None = None
    """Normalisation of each head's queries and keys (Henry et al., 2020; Dehghani et al., 2023)."""
    scale: PositiveFloat | None = None
    """What products of queries and keys are multiplied by; key_dim**-0.5 unless told."""
    logit_soft_cap: PositiveFloat | None = None
    """Scores x become cap * tanh(x / cap) (Gemma Team, 2024, section 2)."""
    dropout: Probability = 0.0
    """Share of attention weights dropped in training."""

    def head_dim(self, dim: int) -> int:
        """Width of a head in a stack of width `dim`."""
        return self.key_dim or dim // self.num_heads

    def for_cross_attention(self) -> "MultiHeadAttentionConfig":
        """The same, looking at another sequence, where there are no distances."""
        return self.model_copy(update={"positions": None, "sliding_window_size": None})

    def build(
        self, layers, name: str, dim: int, initializer, gains: Gains, positions: AttentionPosition
    ):
        return MultiHeadAttention(self, layers, name, dim, initializer, gains, positions)

    def problems(self, dim: int) -> Iterator[Problem]:
        """What does not fit together in a stack of width `dim`."""
        if self.key_dim is None and dim % self.num_heads:
            yield Problem(("num_heads",), f"{self.num_heads} heads do not divide hidden_dim {dim}")
        groups = self.num_key_value_heads
        if groups is not None and self.num_heads % groups:
            yield Problem(
                ("num_key_value_heads",), f"{groups} does not divide the {self.num_heads} heads"
            )
        if self.positions is not None:
            yield from at_key("positions", self.positions.problems(self.head_dim(dim)))


class MultiHeadAttention:
    """Heads come before positions, [B, H, T, K]; shared keys and values are [B, G, S, K]."""

    def __init__(
        self,
        spec: MultiHeadAttentionConfig,
        layers,
        name,
        dim,
        initializer,
        gains: Gains,
        positions: AttentionPosition,
    ):
        heads, width = spec.num_heads, spec.head_dim(dim)
        self.groups = spec.num_key_value_heads or heads
        self.key_dim, self.repeats = width, heads // self.groups

        def projection(role, inputs, outputs, gain):
            options = {"gain": gain, "use_bias": role in spec.biases}
            return dense(layers, f"{name}.{role}", inputs, outputs, initializer, **options)

        def split(role, count):
            return layers.Reshape((-1, count, width), name=f"{name}.{role}")

        narrow = self.groups * width
        self.query = projection("query", dim, heads * width, initializer.query_gain(width))
        self.key = projection("key", dim, narrow, 1.0)
        self.value = projection("value", dim, narrow, gains.inner)
        self.output = projection("output", heads * width, dim, gains.output)
        self.query_norm = self.key_norm = identity
        if spec.query_key_norm is not None:
            self.query_norm = spec.query_key_norm.build(layers, f"{name}.query_norm", width)
            self.key_norm = spec.query_key_norm.build(layers, f"{name}.key_norm", width)
        self.dropout = dropout(layers, f"{name}.dropout", spec.dropout)
        self.split = split("split", heads)
        self.split_shared = split("split_shared", self.groups) if self.repeats > 1 else self.split
        self.merge = layers.Reshape((-1, heads * width), name=f"{name}.merge")
        self.positions, self.cap = positions, spec.logit_soft_cap
        self.scale = width**-0.5 if spec.scale is None else spec.scale

    def project(self, memory, view=None):
        """Keys and values, [B, G, S, K] each, of a memory [B, S, D]; keys turned by `view`."""
        keys = self.key_norm(_heads_first(self.split_shared(self.key(memory))))
        values = _heads_first(self.split_shared(self.value(memory)))
        return self.positions.rotate(keys, view), values

    def __call__(self, queries, keys_and_values, sight: AttentionContext):
        """[B, T, D] from queries [B, T, D]."""
        from keras import ops

        keys, values = (self._for_all_heads(x) for x in keys_and_values)
        queries = self.query_norm(_heads_first(self.split(self.query(queries))))
        queries = self.positions.rotate(queries, sight.view)
        if self.scale != 1:
            queries = queries * self.scale
        scores = ops.matmul(queries, ops.transpose(keys, (0, 1, 3, 2)))  # [B, H, T, S]
        scores = self.positions.score(scores, queries, sight.view)
        if self.cap is not None:
            scores = self.cap * ops.tanh(scores / self.cap)
        weights = self.dropout(ops.softmax(scores + sight.bias))
        attended = self.positions.mix(ops.matmul(weights, values), weights, sight.view)
        return self.output(self.merge(_heads_first(attended)))  # [B, T, H, K] merges to [B, T, D]

    def init_cache(self, rows: int, length: int, dtype):
        """Keys and values of no tokens yet, [B, G, L, K] each."""
        from keras import ops

        zeros = ops.zeros((rows, self.groups, length, self.key_dim), dtype=dtype)
        return zeros, zeros

    def _for_all_heads(self, x):  # [B, G, S, K] -> [B, H, S, K]
        from keras import ops

        return ops.repeat(x, self.repeats, axis=1) if self.repeats > 1 else x


def _heads_first(x):  # [B, T, H, K] -> [B, H, T, K], and back
    from keras import ops

    return ops.transpose(x, (0, 2, 1, 3))


AnyAttention = MultiHeadAttentionConfig
