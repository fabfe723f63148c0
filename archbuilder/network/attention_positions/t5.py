"""Relative position buckets of T5, added to the attention logits."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt
from typing_extensions import override

from archbuilder.language import Problem
from archbuilder.network.attention_mask import TokenPositions
from archbuilder.network.attention_positions.attention_position import (
    AttentionPosition,
    AttentionPositionConfig,
)
from archbuilder.network.layer import embedding
from archbuilder.network.layer_context import LayerContext
from archbuilder.network.layer_namespace import LayerNamespace


class T5BucketsConfig(AttentionPositionConfig):
    """A learned bias of the logits for each head and bucket of distances.

    Raffel et al., 2020, section 2.1. As in their implementation, small distances have a bucket
    each, and buckets of larger distances are logarithmic. All layers of a stack share the biases.
    """

    type: Literal["t5"]
    num_buckets: Annotated[int, Field(ge=4, multiple_of=4)] = 32
    """Number of buckets. In an encoder, half of them are for later tokens."""
    max_distance: PositiveInt = 128
    """Maximum distance in tokens; all larger distances share one bucket."""

    @override
    def build(
        self, layers: LayerNamespace, name: str, num_heads: int, key_dim: int, context: LayerContext
    ) -> "T5Buckets":
        return T5Buckets(self, layers, name, num_heads, context)

    @override
    def problems(self, key_dim: int) -> Iterator[Problem]:
        if self.max_distance <= self.num_buckets // 2:
            yield Problem(
                ("max_distance",),
                f"{self.max_distance} must be more than half of num_buckets ({self.num_buckets})",
            )

    def buckets(self, causal: bool) -> list[int]:
        """Return the bucket of each distance below `max_distance`, computed with integers.

        Args:
            causal: Whether all buckets are for earlier tokens, as in a decoder.
        """
        count = self.num_buckets if causal else self.num_buckets // 2
        return [
            _bucket(distance, count, self.max_distance) for distance in range(self.max_distance)
        ]


def _bucket(distance: int, count: int, max_distance: int) -> int:
    exact = count // 2
    if distance < exact:
        return distance
    wide, bucket = count - exact, exact
    # Find the bucket where log(distance / exact) / log(max / exact) * wide is rounded down.
    while (
        bucket < count - 1
        and distance**wide * exact ** (bucket + 1 - exact)
        >= max_distance ** (bucket + 1 - exact) * exact**wide
    ):
        bucket += 1
    return bucket


class T5Buckets(AttentionPosition):
    """A matrix [buckets, heads] of biases, read by bucket."""

    def __init__(
        self,
        config: T5BucketsConfig,
        layers: LayerNamespace,
        name: str,
        num_heads: int,
        context: LayerContext,
    ) -> None:
        self.causal, self.max_distance = context.causal, config.max_distance
        self.half = config.num_buckets // 2
        last = config.num_buckets - 1 if self.causal else self.half - 1
        self.buckets = [*config.buckets(self.causal), last]
        self.table = embedding(
            layers, name, config.num_buckets, num_heads, context.initializer, context.role()
        )

    def features(self, positions: TokenPositions, dtype: str) -> Any:
        """Return the bias for each pair of tokens: [B or 1, H, T, S]."""
        import numpy as np
        from keras import ops

        offsets = positions.offsets()
        distance = ops.maximum(-offsets, 0) if self.causal else ops.abs(offsets)
        clipped = ops.minimum(distance, self.max_distance)
        buckets = ops.take(np.array(self.buckets, "int32"), clipped)
        if not self.causal:
            buckets = buckets + self.half * ops.cast(offsets > 0, "int32")
        return ops.transpose(self.table(buckets), (0, 3, 1, 2))

    @override
    def bias(self, mask: Any, features: Any) -> Any:
        return mask + features
