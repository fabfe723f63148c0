"""Lines drawn evenly from a text of any length, in one pass and bounded memory."""

import heapq
from collections.abc import Iterable, Iterator
from itertools import chain

LONG = 10_000
"""Characters above which a line is drawn in parts: a text may be one line."""
_MASK = 2**64 - 1


def sampled(lines: Iterable[str], characters: int) -> list[str]:
    """At most `characters` characters of the lines, in their order; all of them where they fit.

    Each line's number is hashed, and the lines of the smallest hashes stay: the same text gives
    the same lines, and none is likelier than another.
    """
    heap: list[tuple[int, int, str]] = []  # The largest hash first.
    total, limit = 0, _MASK + 1
    for number, line in enumerate(chain.from_iterable(map(_parts, lines))):
        hashed = _hashed(number)
        if hashed >= limit:
            continue
        line = line[:characters]
        heapq.heappush(heap, (-hashed, number, line))
        total += len(line)
        while total > characters:
            largest, _, dropped = heapq.heappop(heap)
            limit, total = -largest, total - len(dropped)
    return [line for _, line in sorted((number, line) for _, number, line in heap)]


def _parts(line: str) -> Iterator[str]:
    """The line, or parts of it that begin with a word where it is long."""
    begin = 0
    while len(line) - begin > LONG:
        space = line.rfind(" ", begin + 1, begin + LONG)
        end = space if space > 0 else begin + LONG
        yield line[begin:end]
        begin = end + (space > 0)
    yield line[begin:] if begin else line


def _hashed(number: int) -> int:
    """A number well mixed, 64 bits: SplitMix64 (Steele et al., 2014)."""
    mixed = (number + 1) * 0x9E3779B97F4A7C15 & _MASK
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _MASK
    return mixed ^ mixed >> 31
