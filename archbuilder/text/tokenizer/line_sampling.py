"""Uniform sampling of lines from a text of any length, in one pass and bounded memory."""

import heapq
from collections.abc import Iterable, Iterator
from itertools import chain

MAX_PART_CHARACTERS = 10_000
"""Length in characters above which a line is sampled in parts, since a text may be one line."""
_MASK = 2**64 - 1


def sample_lines(lines: Iterable[str], characters: int) -> list[str]:
    """Return a sample of the lines, in their order; all lines if they are short enough.

    The number of each line is hashed, and the lines with the smallest hashes are returned. The
    same text always gives the same sample, and all lines are equally likely.

    Args:
        lines: The lines of a text.
        characters: Maximum length of the sample in characters.
    """
    heap: list[tuple[int, int, str]] = []  # The largest hash is the first item.
    total, limit = 0, _MASK + 1
    for number, line in enumerate(chain.from_iterable(map(_split, lines))):
        hashed = _hash(number)
        if hashed >= limit:
            continue
        line = line[:characters]
        heapq.heappush(heap, (-hashed, number, line))
        total += len(line)
        while total > characters:
            largest, _, dropped = heapq.heappop(heap)
            limit, total = -largest, total - len(dropped)
    return [line for _, line in sorted((number, line) for _, number, line in heap)]


def _split(line: str) -> Iterator[str]:
    """Yield the line, or parts of a long line, which end between words where possible."""
    start = 0
    while len(line) - start > MAX_PART_CHARACTERS:
        space = line.rfind(" ", start + 1, start + MAX_PART_CHARACTERS)
        end = space if space > 0 else start + MAX_PART_CHARACTERS
        yield line[start:end]
        start = end + (space > 0)
    yield line[start:] if start else line


def _hash(number: int) -> int:
    """Return a 64-bit hash of a number: SplitMix64 (Steele et al., 2014)."""
    mixed = (number + 1) * 0x9E3779B97F4A7C15 & _MASK
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _MASK
    return mixed ^ mixed >> 31
