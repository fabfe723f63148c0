"""Parallel text: one file to read, and one with its translation, line by line."""

from collections.abc import Iterator
from itertools import chain, zip_longest
from typing import ClassVar, Literal

from archbuilder.errors import UserError
from archbuilder.language import FilePath
from archbuilder.text.corpus.corpus import Form, TextSource, some
from archbuilder.text.corpus.reading import Reading, content_hash, line_blocks


class Parallel(TextSource):
    """Parallel text: line i of one file is the translation of line i of the other."""

    form: ClassVar[Form] = "pairs"
    type: Literal["parallel"]
    source: FilePath
    """The file to read; what ends in .gz, .xz or .zst is decompressed."""
    target: FilePath
    """The file to write."""

    def pairs(self, reading: Reading | None = None) -> Iterator[tuple[str, str]]:
        """Source and target lines; a pair with an empty side is left out.

        Raises `UserError`, at the end, where the files are of different length.
        """
        return some(self._pairs(reading or Reading()), (self.source,))

    def _pairs(self, reading: Reading) -> Iterator[tuple[str, str]]:
        sources, targets = _lines(self.source, reading), _lines(self.target, reading)
        number, shorter = 0, None
        for number, (source, target) in enumerate(zip_longest(sources, targets), start=1):
            if source and target:
                reading.at(self.source, number)
                yield source, target
            elif source is None or target is None:
                shorter = shorter or (number - 1, source is None)
            else:
                reading.leave_out("empty side", self.source, number)
        if shorter:
            fewer, source_ended = shorter
            counts = (fewer, number) if source_ended else (number, fewer)
            raise UserError(
                f"{self.source} has {counts[0]:,} lines, {self.target} has {counts[1]:,}: "
                "parallel files need as many"
            )

    def files_to_read(self) -> tuple[str, ...]:
        return self.source, self.target

    def fingerprint(self) -> str:
        return content_hash(self.files_to_read(), self.type)


def _lines(file: str, reading: Reading) -> Iterator[str]:
    return chain.from_iterable(map(str.strip, lines) for _, lines in line_blocks(file, reading))
