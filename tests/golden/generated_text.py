"""Deterministic text of generated words: documents and parallel lines.

Only `random.Random.random` and `choices` are used, whose numbers are equal in all Python versions.
"""

from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from random import Random

SYLLABLES = "ba ce di fo gu ha ke li mo nu pa re si to vu".split()


class Language:
    """Generated words; the n-th word is sampled with a probability proportional to 1 / n."""

    def __init__(self, num_words: int, random: Random):
        self._random = random
        self._words = [
            "".join(random.choices(SYLLABLES, k=1 + self._below(4))) for _ in range(num_words)
        ]
        self._frequencies = list(accumulate(1 / rank for rank in range(1, num_words + 1)))

    def words(self, min_count: int, max_count: int) -> list[str]:
        """Return `min_count` to `max_count` words."""
        count = min_count + self._below(max_count - min_count + 1)
        return self._random.choices(self._words, cum_weights=self._frequencies, k=count)

    def document(self) -> str:
        """Return three to eight sentences, one per line."""
        return "".join(f"{' '.join(self.words(3, 14))} .\n" for _ in range(3 + self._below(6)))

    def _below(self, bound: int) -> int:
        return int(self._random.random() * bound)


def documents(num_words: int, seed: int) -> Iterator[str]:
    """Yield an infinite number of documents."""
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
    stem: Path, num_lines: int, num_words: int = 30, seed: int = 0, max_words: int = 5
) -> None:
    """Write lines of up to `max_words` words to `stem`.source, and reversed to `stem`.target."""
    language = Language(num_words, Random(seed))
    lines = [language.words(1, max_words) for _ in range(num_lines)]
    sources = "".join(" ".join(line) + "\n" for line in lines)
    targets = "".join(" ".join(reversed(line)) + "\n" for line in lines)
    stem.with_suffix(".source").write_text(sources, encoding="utf-8")
    stem.with_suffix(".target").write_text(targets, encoding="utf-8")
