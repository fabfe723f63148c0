"""Parallel text: a source file and a target file, aligned by lines."""

from collections.abc import Iterator
from itertools import chain, zip_longest
from typing import Literal

from typing_extensions import override

from archbuilder.errors import UserError
from archbuilder.language import FilePath
from archbuilder.text.corpus.corpus import TextSource, require_any
from archbuilder.text.corpus.file_set import content_hash
from archbuilder.text.corpus.line_reader import ByteCounter, line_blocks
from archbuilder.text.corpus.skip_log import SkipLog
from archbuilder.text.record import PAIRS, SOURCE, TARGET, Record, RecordColumns, SourceLocation

EMPTY_SIDE = "empty side"
"""Reason for skipping a pair."""


class Parallel(TextSource):
    """Parallel text: line i of the target file is the translation of line i of the source file."""

    type: Literal["parallel"]
    source: FilePath
    """File that the encoder reads; .gz, .xz and .zst files are decompressed."""
    target: FilePath
    """File that the decoder predicts; .gz, .xz and .zst files are decompressed."""

    @override
    def record_columns(self) -> RecordColumns:
        return PAIRS

    @override
    def records(
        self, skip_log: SkipLog | None = None, byte_counter: ByteCounter | None = None
    ) -> Iterator[Record]:
        """Yield each pair of lines; pairs with an empty side are skipped.

        The location of a pair is its line in the source file.

        Raises:
            UserError: A file cannot be read or has no text, or, at the end, the numbers of lines
                differ.
        """
        records = self._pairs(skip_log or SkipLog(), byte_counter)
        return require_any(records, (self.source,))

    def _pairs(self, skip_log: SkipLog, byte_counter: ByteCounter | None) -> Iterator[Record]:
        sources, targets = _lines(self.source, byte_counter), _lines(self.target, byte_counter)
        number, shorter = 0, None
        for number, (source, target) in enumerate(zip_longest(sources, targets), start=1):
            if source and target:
                yield Record({SOURCE: source, TARGET: target}, self.source, number)
            elif source is None or target is None:
                shorter = shorter or (number - 1, source is None)
            else:
                skip_log.add("pairs", EMPTY_SIDE, SourceLocation(self.source, number))
        if shorter:
            fewer, source_ended = shorter
            counts = (fewer, number) if source_ended else (number, fewer)
            raise UserError(
                f"{self.source} has {counts[0]:,} lines, but {self.target} has {counts[1]:,}; "
                "parallel files must have equally many lines"
            )

    @override
    def files_to_read(self) -> tuple[str, ...]:
        return self.source, self.target

    @override
    def fingerprint(self) -> str:
        return content_hash(self.files_to_read(), self.type)


def _lines(file: str, byte_counter: ByteCounter | None) -> Iterator[str]:
    blocks = line_blocks(file, byte_counter)
    return chain.from_iterable(map(str.strip, lines) for _, lines in blocks)
