"""Documents split into runs of consecutive sentences."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from archbuilder.text.examples.examples import Limits, Overlong, require_any, skipped_overlong
from archbuilder.text.skipped import Skipped
from archbuilder.text.token_store import RaggedSentences

BLOCK = 2**18
"""Approximate number of sentences that are processed together."""


class Runs(NamedTuple):
    """Runs of consecutive sentences, each within one document; N is their number."""

    starts: np.ndarray
    """Start of each run in the ids, int64 [N]."""
    tokens: np.ndarray
    """Number of tokens of each run, int64 [N]."""
    skipped: tuple[Skipped, ...]
    """Text that was truncated, split or skipped."""


def sentence_runs(text: RaggedSentences, max_tokens: int, limits: Limits) -> Runs:
    """Return runs of as many consecutive sentences as fit into `max_tokens` tokens.

    Liu et al., 2019, section 4.2, "DOC-SENTENCES".

    Args:
        text: The documents.
        max_tokens: The maximum number of tokens of a run.
        limits: The maximum length of an example, and the treatment of longer sentences.

    Raises:
        UserError: The text yields no run, or contains a sentence that is too long and must be
            refused.
    """
    block_runs = [_runs(offsets, ends, max_tokens, limits) for _, offsets, ends in blocks(text)]
    starts = np.concatenate([starts for starts, _, _ in block_runs])
    tokens = np.concatenate([tokens for _, tokens, _ in block_runs])
    skipped = skipped_overlong(sum(count for _, _, count in block_runs), "sentences", limits)
    require_any(len(tokens), limits)
    return Runs(starts, tokens, skipped)


def blocks(text: RaggedSentences) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield blocks of whole documents, of about `BLOCK` sentences.

    Yields:
        The index of the first sentence of the block; the start of each sentence in the ids, and the
        end of the last one, int64 [S + 1]; and the end of each document among the S sentences of
        the block, int64.
    """
    documents = text.documents[:]
    first = 0
    while first < len(documents) - 1:
        last = int(np.searchsorted(documents, documents[first] + BLOCK, side="right")) - 1
        last = max(last, first + 1)
        base = int(documents[first])
        offsets = text.offsets[base : int(documents[last]) + 1]
        yield base, offsets, documents[first + 1 : last + 1] - base
        first = last


def follow_links(successors: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return the indices that are reached from each start by `successors`, before its end.

    Args:
        successors: The next index for each index.
        starts: The first index of each chain.
        ends: The index before which each chain ends.
    """
    indices, next_index = [], successors.tolist()
    for index, end in zip(starts.tolist(), ends.tolist(), strict=True):
        while index < end:
            indices.append(index)
            index = next_index[index]
    return np.array(indices, dtype="int64")


def _runs(
    offsets: np.ndarray, ends: np.ndarray, max_tokens: int, limits: Limits
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the start and the tokens of each run, and the number of overlong sentences."""
    sentence = np.arange(len(offsets) - 1)
    last = np.searchsorted(offsets, offsets[:-1] + max_tokens, side="right") - 1
    last = np.minimum(np.maximum(last, sentence + 1), np.repeat(ends, np.diff([0, *ends])))
    first = follow_links(last, np.array([0, *ends[:-1]]), ends)
    starts, tokens = offsets[first], offsets[last[first]] - offsets[first]
    is_overlong = tokens > max_tokens  # A run that is too long is a single sentence.
    if is_overlong.any():
        starts, tokens = _shorten(starts, tokens, max_tokens, limits.overlong)
    return starts, tokens, int(is_overlong.sum())


def _shorten(
    starts: np.ndarray, tokens: np.ndarray, max_tokens: int, overlong: Overlong
) -> tuple[np.ndarray, np.ndarray]:
    """Return runs of at most `max_tokens` tokens; longer ones are split, truncated or dropped."""
    if overlong == "truncate":
        return starts, np.minimum(tokens, max_tokens)
    if overlong == "drop":
        return starts[tokens <= max_tokens], tokens[tokens <= max_tokens]
    pieces = -(-tokens // max_tokens)
    within = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    preceding = within * max_tokens
    piece_starts, remaining = np.repeat(starts, pieces) + preceding, np.repeat(tokens, pieces)
    return piece_starts, np.minimum(remaining - preceding, max_tokens)
