"""Documents cut into runs of sentences, each as long as it may be."""

from collections.abc import Iterator

import numpy as np

from archbuilder.text.examples.examples import Limits, Overlong, some, told

BLOCK = 2**18
"""Sentences looked at together, about."""


def runs(documents, room: int, limits: Limits) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """Runs of sentences of one document, of at most `room` tokens, as many as fit.

    Gives where each begins in the ids, its tokens, and what of the text was changed or left out
    (Liu et al., 2019, section 4.2, "DOC-SENTENCES").
    """
    found = [_runs(offsets, ends, room, limits) for _, offsets, ends in blocks(documents)]
    begins = np.concatenate([begins for begins, _, _ in found])
    tokens = np.concatenate([tokens for _, tokens, _ in found])
    left_out = told(sum(over for _, _, over in found), "sentences", limits)
    some(len(tokens), limits)
    return begins, tokens, left_out


def blocks(documents) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Whole documents, about `BLOCK` sentences at a time.

    Gives the first sentence's number, where each of them begins in the ids (and the last one ends),
    and where each document ends among them.
    """
    starts = documents.documents[:]
    first = 0
    while first < len(starts) - 1:
        last = int(np.searchsorted(starts, starts[first] + BLOCK, side="right")) - 1
        last = max(last, first + 1)
        base = int(starts[first])
        offsets = documents.sentences[base : int(starts[last]) + 1]
        yield base, offsets, starts[first + 1 : last + 1] - base
        first = last


def chain(following: np.ndarray, begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """From each of `begins`, the places that `following` leads to, up to its end in `ends`."""
    found, steps = [], following.tolist()
    for place, end in zip(begins.tolist(), ends.tolist(), strict=True):
        while place < end:
            found.append(place)
            place = steps[place]
    return np.array(found, dtype="int64")


def _runs(offsets, ends, room, limits):
    """Where each run begins in the ids, its tokens, and how many sentences are too long."""
    begin = np.arange(len(offsets) - 1)
    last = np.searchsorted(offsets, offsets[:-1] + room, side="right") - 1
    last = np.minimum(np.maximum(last, begin + 1), np.repeat(ends, np.diff([0, *ends])))
    first = chain(last, np.array([0, *ends[:-1]]), ends)
    begins, tokens = offsets[first], offsets[last[first]] - offsets[first]
    over = tokens > room  # Such a run is a single sentence.
    if over.any():
        begins, tokens = _shorter(begins, tokens, room, limits.overlong)
    return begins, tokens, int(over.sum())


def _shorter(begins, tokens, room: int, overlong: Overlong):
    """Runs of at most `room` tokens: what is longer is split, cut off or dropped."""
    if overlong == "truncate":
        return begins, np.minimum(tokens, room)
    if overlong == "drop":
        return begins[tokens <= room], tokens[tokens <= room]
    pieces = -(-tokens // room)
    within = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    begins, left = np.repeat(begins, pieces) + within * room, np.repeat(tokens, pieces)
    return begins, np.minimum(left - within * room, room)
