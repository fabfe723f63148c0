"""Deterministic text of made-up words: documents and parallel lines.

Only `random.Random.random` and `choices` are used, whose numbers are the same in every Python.
"""

from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from random import Random

SYLLABLES = "ba ce di fo gu ha ke li mo nu pa re si to vu".split()


class Language:
    """Made-up words, the n-th of which is drawn with a frequency proportional to 1 / n."""

    def __init__(self, num_words: int, random: Random):
        self._random = random
        self._words = [
            "".join(random.choices(SYLLABLES, k=1 + self._below(4))) for _ in range(num_words)
        ]
        self._frequencies = list(accumulate(1 / rank for rank in range(1, num_words + 1)))

    def words(self, shortest: int, longest: int) -> list[str]:
        """Return `shortest` to `longest` words."""
        count = shortest + self._below(longest - shortest + 1)
        return self._random.choices(self._words, cum_weights=self._frequencies, k=count)

    def document(self) -> str:
        """Return three to eight sentences, one per line."""
        return "".join(f"{' '.join(self.words(3, 14))} .\n" for _ in range(3 + self._below(6)))

    def _below(self, bound: int) -> int:
        return int(self._random.random() * bound)


def documents(num_words: int, seed: int) -> Iterator[str]:
    """Yield documents without end."""
    language = Language(num_words, Random(seed))
    while True:
        yield language.document()


def write_documents(path: Path, num_characters: int, num_words: int = 60, seed: int = 0) -> None:
    """Write documents, separated by empty lines, until the file has `num_characters`."""
    written = 0
    with path.open("w", encoding="utf-8") as file:
        for document in documents(num_words, seed):
            written += file.write(document + "\n")
            if written >= num_characters:
                return


def write_parallel(
    stem: Path, num_lines: int, num_words: int = 30, seed: int = 0, longest: int = 5
) -> None:
    """Write lines of up to `longest` words to `stem`.source, and reversed to `stem`.target."""
    language = Language(num_words, Random(seed))
    lines = [language.words(1, longest) for _ in range(num_lines)]
    sources = "".join(" ".join(line) + "\n" for line in lines)
    targets = "".join(" ".join(reversed(line)) + "\n" for line in lines)
    stem.with_suffix(".source").write_text(sources, encoding="utf-8")
    stem.with_suffix(".target").write_text(targets, encoding="utf-8")
