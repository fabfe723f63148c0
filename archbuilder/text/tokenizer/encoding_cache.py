"""Cache of the token ids of text chunks, most of which occur many times in a text."""

from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np

from archbuilder.text.vocabulary import flatten_ids

MAX_CHARACTERS = 2**22
"""Number of characters of cached chunks above which the cache is cleared."""
MIN_REPEATS = 2
"""Average number of occurrences of new chunks below which whole lines are encoded instead.

Encoding single chunks takes longer than encoding lines, and rare chunks may never occur again.
"""


class EncodingCache:
    """Encoder that encodes each chunk of text once.

    It is correct only if the ids of a line are the concatenated ids of its chunks: no token may
    cross a chunk boundary, and the tokenizer must not look across it.
    """

    def __init__(
        self, split: Callable[[str], list[str]], encode: Callable[[Sequence[str]], list[list[int]]]
    ) -> None:
        """Create an empty cache.

        Args:
            split: Returns the chunks of a line.
            encode: Returns the token ids of each text.
        """
        self._split, self._encode = split, encode
        self._clear()

    def arrays(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the concatenated ids of all lines, int32 [N], and ids per line, int64 [L]."""
        line_chunks = [self._split(line) for line in lines]
        ends_of_lines = np.cumsum(
            np.fromiter(map(len, line_chunks), dtype="int64", count=len(line_chunks))
        )
        count = int(ends_of_lines[-1]) if len(line_chunks) else 0
        new = set().union(*line_chunks).difference(self._indices)
        if len(new) * MIN_REPEATS > count:
            return flatten_ids(self._encode(lines))
        self._add(list(new))
        index_iterator = map(self._indices.__getitem__, chain.from_iterable(line_chunks))
        indices = np.fromiter(index_iterator, dtype="int64", count=count)
        starts, lengths = self._offsets[indices], np.diff(self._offsets)[indices]
        ends = np.concatenate([[0], np.cumsum(lengths)])
        ids = self._ids[np.repeat(starts - ends[:-1], lengths) + np.arange(ends[-1])]
        counts = np.diff(ends[ends_of_lines], prepend=0)
        if self._characters > MAX_CHARACTERS:
            self._clear()
        return ids, counts

    def _add(self, chunks: list[str]) -> None:
        if not chunks:
            return
        ids, lengths = flatten_ids(self._encode(chunks))
        self._indices |= {chunk: i for i, chunk in enumerate(chunks, len(self._indices))}
        ends = self._offsets[-1] + np.cumsum(lengths)
        self._offsets = np.concatenate([self._offsets, ends])
        self._ids = np.concatenate([self._ids, ids])
        self._characters += sum(map(len, chunks))

    def _clear(self) -> None:
        self._indices: dict[str, int] = {}
        self._offsets, self._ids = np.zeros(1, dtype="int64"), np.zeros(0, dtype="int32")
        self._characters = 0
