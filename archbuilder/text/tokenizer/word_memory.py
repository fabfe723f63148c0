"""Tokenising words once: text repeats its words, and looking one up is faster than cutting it."""

import re
from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np

MOST = 2**18
"""Words that are remembered; then it begins anew."""

# Where Python parts words and the Unicode standard has a control character: BERT's cleaning drops
# these, so that what stands around them is one word.
_PARTED_BY_PYTHON_ALONE = re.compile("[\x0b\x0c\x1c-\x1f\x85]")


class WordMemory:
    """The ids of lines, by those of their words; `encode` gives a text's where it is not known.

    Right where words are tokenised one by one, whatever stands beside them, as BERT's are.
    """

    def __init__(self, encode: Callable[[list[str]], list[list[int]]]):
        self._encode = encode
        self._ids: dict[str, tuple[int, ...]] = {}

    def arrays(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """All lines' ids in a row, int32, and how many of them each line has, int64."""
        words = [_words(line) for line in lines]
        self._learn({word for line in words for word in line})
        found = [list(map(self._ids.__getitem__, line)) for line in words]
        lengths = np.array([sum(map(len, line)) for line in found], dtype="int64")
        flat = chain.from_iterable(chain.from_iterable(found))
        return np.fromiter(flat, dtype="int32", count=int(lengths.sum())), lengths

    def _learn(self, words: set[str]) -> None:
        if len(self._ids) > MOST:
            self._ids.clear()
        new = [word for word in words if word not in self._ids]
        self._ids.update(zip(new, map(tuple, self._encode(new)), strict=True))


def _words(line: str) -> list[str]:
    return [line] if _PARTED_BY_PYTHON_ALONE.search(line) else line.split()
