"""Relative position buckets of T5, added to attention logits."""

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
    """A learned number for each head and range of distances, added to scores.

    Raffel et al., 2020, section 2.1; the ranges as in their implementation: one for each small
    distance, then ever wider ones. All layers of a stack share the numbers.
    """

    type: Literal["t5"]
    num_buckets: Annotated[int, Field(ge=4, multiple_of=4)] = 32
    """Ranges; in an encoder half of them are for later tokens."""
    max_distance: PositiveInt = 128
    """Tokens; all larger distances are one range."""

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
                f"{self.max_distance} must be more than half of the {self.num_buckets} buckets",
            )

    def ranges(self, causal: bool) -> list[int]:
        """Return the range of each distance below `max_distance`, computed in integers."""
        count = self.num_buckets if causal else self.num_buckets // 2
        return [_range(distance, count, self.max_distance) for distance in range(self.max_distance)]


def _range(distance: int, count: int, max_distance: int) -> int:
    exact = count // 2
    if distance < exact:
        return distance
    wide, bucket = count - exact, exact
    # Where log(distance / exact) / log(max / exact) * wide reaches the next whole number.
    while (
        bucket < count - 1
        and distance**wide * exact ** (bucket + 1 - exact)
        >= max_distance ** (bucket + 1 - exact) * exact**wide
    ):
        bucket += 1
    return bucket


class T5Buckets(AttentionPosition):
    """A table [buckets, heads], looked up by distance."""

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
        self.ranges = [*config.ranges(self.causal), last]
        self.table = embedding(
            layers, name, config.num_buckets, num_heads, context.initializer, context.role()
        )

    def features(self, positions: TokenPositions, dtype: str) -> Any:
        """Return the numbers for each pair of tokens: [B or 1, H, T, S]."""
        import numpy as np
        from keras import ops

        offsets = positions.offsets()
        distance = ops.maximum(-offsets, 0) if self.causal else ops.abs(offsets)
        nearest = ops.minimum(distance, self.max_distance)
        ranges = ops.take(np.array(self.ranges, "int32"), nearest)
        if not self.causal:
            ranges = ranges + self.half * ops.cast(offsets > 0, "int32")
        return ops.transpose(self.table(ranges), (0, 3, 1, 2))

    @override
    def bias(self, mask: Any, features: Any) -> Any:
        return mask + features
