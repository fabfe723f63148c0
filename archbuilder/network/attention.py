"""Attention: each query gathers values by how well their keys match it, where the mask allows."""

from typing import Literal

from pydantic import PositiveInt

from archbuilder.language import Spec
from archbuilder.network.layer import Rate, dense, dropout


class MultiHead(Spec):
    """Several attentions side by side, each on its own projection (Vaswani et al., 2017, 3.2.2)."""

    type: Literal["multi_head"]
    num_heads: PositiveInt
    """Heads; must divide hidden_dim."""
    dropout: Rate = 0.0
    """Share of attention weights dropped in training."""

    def build(self, layers, name: str, dim: int, initializer):
        return MultiHeadAttention(self, layers, name, dim, initializer)


class MultiHeadAttention:
    """The part of `MultiHead`: with heads before positions, [B, H, T, K], products are plain."""

    def __init__(self, spec: MultiHead, layers, name: str, dim: int, initializer):
        self.scale = (dim // spec.num_heads) ** -0.5
        self.query = dense(layers, f"{name}.query", dim, dim, initializer)
        self.key = dense(layers, f"{name}.key", dim, dim, initializer)
        self.value = dense(layers, f"{name}.value", dim, dim, initializer)
        self.output = dense(layers, f"{name}.output", dim, dim, initializer)
        self.dropout = dropout(layers, f"{name}.dropout", spec.dropout)
        heads = (-1, spec.num_heads, dim // spec.num_heads)
        self.split = layers.Reshape(heads, name=f"{name}.split")
        self.merge = layers.Reshape((-1, dim), name=f"{name}.merge")

    def project(self, memory):
        """Keys and values, [B, H, S, K] each, of a memory [B, S, D]."""
        return self._heads(self.key(memory)), self._heads(self.value(memory))

    def __call__(self, queries, keys_and_values, bias):
        """[B, T, D] from queries [B, T, D]; `bias` [B or 1, 1, T or 1, S] is added to scores."""
        from keras import ops

        keys, values = keys_and_values
        queries = self._heads(self.query(queries)) * self.scale
        scores = ops.matmul(queries, ops.transpose(keys, (0, 1, 3, 2))) + bias  # [B, H, T, S]
        weights = self.dropout(ops.softmax(scores))
        attended = ops.transpose(ops.matmul(weights, values), (0, 2, 1, 3))  # [B, T, H, K]
        return self.output(self.merge(attended))

    def _heads(self, x):  # [B, T, D] -> [B, H, T, K]
        from keras import ops

        return ops.transpose(self.split(x), (0, 2, 1, 3))


def mask_bias(allowed, dtype):
    """What to add to scores: zero where attention is `allowed`, far below everything elsewhere.

    Finite, so that a row in which nothing is allowed gives an even mean and no NaN; within
    float16's range where that is computed in.
    """
    from keras import ops

    floor = -3e4 if dtype == "float16" else -1e9
    return (1 - ops.cast(allowed, dtype)) * floor


Attention = MultiHead
