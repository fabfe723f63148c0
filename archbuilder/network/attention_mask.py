"""Attention masks and token positions: which keys each query can attend to."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TokenPositions:
    """The positions of the queries and keys of a row, each int32 [B or 1, T or S]."""

    queries: Any
    """Position of each query in its example, from 0."""
    keys: Any
    """Position of each key in its example, from 0."""
    key_mask: Any = None
    """True at keys that can be attended to, which are real tokens of the same example: bool
    [B, 1, 1 or T, S]. None: all of them."""

    def offsets(self) -> Any:
        """Return the position of each key relative to its query: int32 [B or 1, T, S]."""
        return self.keys[:, None, :] - self.queries[:, :, None]

    def allowed(self, causal: bool, window: int | None) -> Any:
        """Return which keys each query can attend to.

        Args:
            causal: Whether a query attends only to itself and to earlier tokens.
            window: Number of tokens that a query attends to. If `causal`, these are the query
                itself and the `window - 1` tokens before it; otherwise the query itself and
                `window // 2` tokens on each side. None: no limit.

        Returns:
            A bool tensor that broadcasts to [B, 1, T, S].
        """
        from keras import ops

        masks = [] if self.key_mask is None else [self.key_mask]
        if causal:
            masks.append(self.queries[:, None, :, None] >= self.keys[:, None, None, :])
        if window is not None:
            offsets = self.offsets()[:, None]
            in_window = offsets > -window if causal else ops.abs(offsets) <= window // 2
            masks.append(in_window)
        allowed, *others = masks
        for mask in others:
            allowed = ops.logical_and(allowed, mask)
        return allowed


@dataclass(frozen=True)
class AttentionContext:
    """The mask and the position features that a layer attends with."""

    bias: Any
    """Added to the attention logits: [B or 1, H or 1, T or 1, S]."""
    features: Any = None
    """Output of `AttentionPosition.features`. Default: None, for a layer without positions."""


def mask_bias(allowed: Any, dtype: str) -> Any:
    """Return the bias of attention logits: 0 where `allowed`, a large negative number elsewhere.

    The number is finite, so that a row without allowed keys gives the mean of the values and not
    NaN. In float16 it is smaller, within the range of that type.

    Args:
        allowed: Bool tensor, such as [B, 1, T, S].
        dtype: Type of the result.
    """
    from keras import ops

    floor = -3e4 if dtype == "float16" else -1e9
    return (1 - ops.cast(allowed, dtype)) * floor


def position_ids(token_ids: Any) -> Any:
    """Return the positions 0, 1, 2, ... of the tokens: int32 [1, T] for ids [B, T].

    They are computed in the graph, where T is unknown.
    """
    from keras import ops

    return ops.cumsum(ops.ones_like(token_ids[:1, :]), axis=1) - 1


def key_mask(padding_mask: Any, query_examples: Any = None, key_examples: Any = None) -> Any:
    """Return which keys can be attended to: real tokens of the example of the query.

    Args:
        padding_mask: 1 at real tokens and 0 at padding, [B, S].
        query_examples: Index of the packed example of each query, [B, T]. None: rows are not
            packed.
        key_examples: Index of the packed example of each key, [B, S]. None: rows are not packed.

    Returns:
        A bool tensor [B, 1, 1 or T, S].
    """
    from keras import ops

    real = padding_mask[:, None, None, :] > 0
    if query_examples is None or key_examples is None:
        return real
    same = ops.equal(query_examples[:, None, :, None], key_examples[:, None, None, :])
    return ops.logical_and(real, same)


def cross_attention_context(
    padding_mask: Any, dtype: str, query_examples: Any = None, key_examples: Any = None
) -> AttentionContext | None:
    """Return the context of attention to a memory; None without a memory.

    The arguments are those of `key_mask`, with the padding mask of the memory [B, S] or None, and
    the type of the attention logits.
    """
    if padding_mask is None:
        return None
    allowed = key_mask(padding_mask, query_examples, key_examples)
    return AttentionContext(mask_bias(allowed, dtype))
