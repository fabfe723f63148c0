"""Documents cut into runs of sentences, each as long as it may be."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from archbuilder.text.examples.examples import Limits, Overlong, require_any, skipped_overlong
from archbuilder.text.skipped import Skipped
from archbuilder.text.token_store import RaggedSentences

BLOCK = 2**18
"""Sentences looked at together, about."""


class Runs(NamedTuple):
    """Runs of sentences, each of one document."""

    begins: np.ndarray
    """Where each run begins in the ids, int64 [N]."""
    tokens: np.ndarray
    """The tokens of each run, int64 [N]."""
    skipped: tuple[Skipped, ...]
    """The text that was changed or skipped."""


def sentence_runs(text: RaggedSentences, max_tokens: int, limits: Limits) -> Runs:
    """Return runs of at most `max_tokens` tokens, each of as many sentences as fit.

    Liu et al., 2019, section 4.2, "DOC-SENTENCES".

    Raises:
        UserError: There are none, or a sentence is too long and that is refused.
    """
    parts = [_runs(offsets, ends, max_tokens, limits) for _, offsets, ends in blocks(text)]
    begins = np.concatenate([begins for begins, _, _ in parts])
    tokens = np.concatenate([tokens for _, tokens, _ in parts])
    skipped = skipped_overlong(sum(count for _, _, count in parts), "sentences", limits)
    require_any(len(tokens), limits)
    return Runs(begins, tokens, skipped)


def blocks(text: RaggedSentences) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield whole documents, about `BLOCK` sentences at a time.

    Yields:
        The number of the first sentence, where each sentence begins in the ids (and the last one
        ends), and where each document ends among the sentences of the block.
    """
    starts = text.documents[:]
    first = 0
    while first < len(starts) - 1:
        last = int(np.searchsorted(starts, starts[first] + BLOCK, side="right")) - 1
        last = max(last, first + 1)
        base = int(starts[first])
        offsets = text.offsets[base : int(starts[last]) + 1]
        yield base, offsets, starts[first + 1 : last + 1] - base
        first = last


def follow_links(following: np.ndarray, begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return the indices that `following` leads to from each of `begins`, up to its end."""
    indices, steps = [], following.tolist()
    for index, end in zip(begins.tolist(), ends.tolist(), strict=True):
        while index < end:
            indices.append(index)
            index = steps[index]
    return np.array(indices, dtype="int64")


def _runs(
    offsets: np.ndarray, ends: np.ndarray, max_tokens: int, limits: Limits
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return where each run begins in the ids, its tokens, and the number of long sentences."""
    begin = np.arange(len(offsets) - 1)
    last = np.searchsorted(offsets, offsets[:-1] + max_tokens, side="right") - 1
    last = np.minimum(np.maximum(last, begin + 1), np.repeat(ends, np.diff([0, *ends])))
    first = follow_links(last, np.array([0, *ends[:-1]]), ends)
    begins, tokens = offsets[first], offsets[last[first]] - offsets[first]
    over = tokens > max_tokens  # Such a run is a single sentence.
    if over.any():
        begins, tokens = _shorter(begins, tokens, max_tokens, limits.overlong)
    return begins, tokens, int(over.sum())


def _shorter(
    begins: np.ndarray, tokens: np.ndarray, max_tokens: int, overlong: Overlong
) -> tuple[np.ndarray, np.ndarray]:
    """Return runs of at most `max_tokens` tokens: longer ones are split, truncated or dropped."""
    if overlong == "truncate":
        return begins, np.minimum(tokens, max_tokens)
    if overlong == "drop":
        return begins[tokens <= max_tokens], tokens[tokens <= max_tokens]
    pieces = -(-tokens // max_tokens)
    within = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    begins, left = np.repeat(begins, pieces) + within * max_tokens, np.repeat(tokens, pieces)
    return begins, np.minimum(left - within * max_tokens, max_tokens)
