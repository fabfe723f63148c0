"""Attention masks and token positions: which keys each query may attend to."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TokenPositions:
    """The positions of the queries and keys of a row, each int32 [B or 1, T or S]."""

    queries: Any
    """Position of each query in its example."""
    keys: Any
    """Position of each key in its example."""
    key_mask: Any = None
    """Keys that may be attended to: real tokens of the same example, bool [B, 1, 1 or T, S]. None
    where all may."""

    def offsets(self) -> Any:
        """Return the position of each key relative to its query: int32 [B or 1, T, S]."""
        return self.keys[:, None, :] - self.queries[:, :, None]

    def allowed(self, causal: bool, window: int | None) -> Any:
        """Return which keys each query may attend to: bool, broadcastable to [B, 1, T, S].

        Args:
            causal: Whether later keys are excluded.
            window: Tokens that a query reaches: that many up to and with itself where `causal`,
                otherwise half as many to either side. None: no limit.
        """
        from keras import ops

        rules = [] if self.key_mask is None else [self.key_mask]
        if causal:
            rules.append(self.queries[:, None, :, None] >= self.keys[:, None, None, :])
        if window is not None:
            offsets = self.offsets()[:, None]
            near = offsets > -window if causal else ops.abs(offsets) <= window // 2
            rules.append(near)
        allowed, *others = rules
        for rule in others:
            allowed = ops.logical_and(allowed, rule)
        return allowed


@dataclass(frozen=True)
class AttentionContext:
    """What the queries of a layer may see of its keys."""

    bias: Any
    """Added to the attention logits: [B or 1, H or 1, T or 1, S]."""
    features: Any = None
    """What the layer's attention positions computed from the token positions."""


def mask_bias(allowed: Any, dtype: str) -> Any:
    """Return what to add to the logits: 0 where attention is `allowed`, a large negative elsewhere.

    The value is finite, so that a row in which nothing is allowed gives the mean and no NaN, and
    within the range of float16 where that is computed in.
    """
    from keras import ops

    floor = -3e4 if dtype == "float16" else -1e9
    return (1 - ops.cast(allowed, dtype)) * floor


def position_ids(token_ids: Any) -> Any:
    """Return 0, 1, 2, ... along a sequence of unknown length: int32 [1, T] for ids [B, T]."""
    from keras import ops

    return ops.cumsum(ops.ones_like(token_ids[:1, :]), axis=1) - 1


def key_mask(padding_mask: Any, query_examples: Any = None, key_examples: Any = None) -> Any:
    """Return which keys may be attended to at all: bool [B, 1, 1 or T, S].

    Args:
        padding_mask: 1 at real tokens and 0 at padding, [B, S].
        query_examples: Number of the packed example that each query is of, [B, T]. None: rows are
            not packed.
        key_examples: Number of the packed example that each key is of, [B, S].
    """
    from keras import ops

    real = padding_mask[:, None, None, :] > 0
    if query_examples is None or key_examples is None:
        return real
    same = ops.equal(query_examples[:, None, :, None], key_examples[:, None, None, :])
    return ops.logical_and(real, same)
