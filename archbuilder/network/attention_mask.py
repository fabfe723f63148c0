"""What attention may see: where queries and keys stand, and which keys each query may look at."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TokenPositions:
    """Where the queries and the keys of a row stand, each int32 [B or 1, T or S].

    `seen`, bool [B, 1, 1 or T, S], says which keys may be looked at at all: those that are real
    and of the same example; None where all are.
    """

    queries: Any
    keys: Any
    key_mask: Any = None

    def offsets(self):
        """How far each key stands behind its query: int32 [B or 1, T, S]."""
        return self.keys[:, None, :] - self.queries[:, :, None]

    def allowed(self, causal: bool, window: int | None):
        """Which keys each query may look at: bool, as wide as [B, 1, T, S] where it must be.

        `causal`: none that comes later. `window`: none that is further away than that many tokens
        reach, all of them before a causal query, and half of them to either side of any other.
        """
        from keras import ops

        rules = [] if self.key_mask is None else [self.key_mask]
        if causal:
            rules.append(self.queries[:, None, :, None] >= self.keys[:, None, None, :])
        if window is not None:
            offsets = self.offsets()[:, None]
            near = offsets > -window if causal else ops.abs(offsets) <= window // 2
            rules.append(near)
        found, *others = rules
        for rule in others:
            found = ops.logical_and(found, rule)
        return found


@dataclass(frozen=True)
class AttentionContext:
    """What the queries of a layer see of its keys.

    `bias` [B or 1, H or 1, T or 1, S] is added to scores; `view` is what the layer's positions made
    of the places.
    """

    bias: Any
    view: Any = None


def mask_bias(allowed, dtype):
    """What to add to scores: zero where attention is `allowed`, far below everything elsewhere.

    Finite, so that a row in which nothing is allowed gives an even mean and no NaN; within
    float16's range where that is computed in.
    """
    from keras import ops

    floor = -3e4 if dtype == "float16" else -1e9
    return (1 - ops.cast(allowed, dtype)) * floor


def position_ids(token_ids):
    """0, 1, 2, ... along each sequence: int32 [1, T] for ids [B, T], also where T is not known."""
    from keras import ops

    return ops.cumsum(ops.ones_like(token_ids[:1, :]), axis=1) - 1


def key_mask(padding_mask, queries=None, keys=None):  # [B, S] -> bool [B, 1, 1 or T, S]
    """Keys that may be looked at: real ones and, where rows are packed, of the same example.

    `queries` [B, T] and `keys` [B, S] say which example of its row a token belongs to.
    """
    from keras import ops

    real = padding_mask[:, None, None, :] > 0
    if queries is None or keys is None:
        return real
    same = ops.equal(queries[:, None, :, None], keys[:, None, None, :])
    return ops.logical_and(real, same)
