"""Text encoded chunk by chunk: most chunks of a text were seen before, and their ids are known."""

from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np

from archbuilder.text.vocabulary import flatten_ids

MOST = 2**22
"""Characters of chunks that are remembered; then it begins afresh."""
SELDOM = 2
"""Where chunks that are new stand fewer times than this on average, none is remembered: to work
them out one by one takes longer than whole lines, and as many may never come again."""


class EncodingCache:
    """The ids of chunks, each worked out once.

    It holds wherever the ids of a line are those of its chunks, one after another: where `cut`
    cuts a line at places over which no token reaches and nothing else looks.
    """

    def __init__(
        self, cut: Callable[[str], list[str]], encode: Callable[[Sequence[str]], list[list[int]]]
    ) -> None:
        self._cut, self._encode = cut, encode
        self._forget()

    def arrays(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """All lines' ids one after another, int32 [N], and the number of each line's, int64 [L]."""
        cut = [self._cut(line) for line in lines]
        chunks = np.cumsum(np.fromiter(map(len, cut), dtype="int64", count=len(cut)))
        count = int(chunks[-1]) if len(cut) else 0
        new = set().union(*cut).difference(self._places)
        if len(new) * SELDOM > count:
            return flatten_ids(self._encode(lines))
        self._learn(list(new))
        known = map(self._places.__getitem__, chain.from_iterable(cut))
        places = np.fromiter(known, dtype="int64", count=count)
        starts, lengths = self._offsets[places], np.diff(self._offsets)[places]
        ends = np.concatenate([[0], np.cumsum(lengths)])
        ids = self._ids[np.repeat(starts - ends[:-1], lengths) + np.arange(ends[-1])]
        counts = np.diff(ends[chunks], prepend=0)
        if self._characters > MOST:
            self._forget()
        return ids, counts

    def _learn(self, new: list[str]) -> None:
        if not new:
            return
        ids, lengths = flatten_ids(self._encode(new))
        self._places |= {chunk: place for place, chunk in enumerate(new, len(self._places))}
        ends = self._offsets[-1] + np.cumsum(lengths)
        self._offsets = np.concatenate([self._offsets, ends])
        self._ids = np.concatenate([self._ids, ids])
        self._characters += sum(map(len, new))

    def _forget(self) -> None:
        self._places: dict[str, int] = {}
        self._offsets, self._ids = np.zeros(1, dtype="int64"), np.zeros(0, dtype="int32")
        self._characters = 0
