"""Plain text files: documents separated by blank lines, or one document per line."""

from collections.abc import Iterator
from itertools import chain
from typing import Literal

from typing_extensions import override

from archbuilder.text.corpus.corpus import (
    MAX_DOCUMENT_SENTENCES,
    TextSource,
    document_too_long,
    require_any,
)
from archbuilder.text.corpus.file_set import Files, expand_patterns
from archbuilder.text.corpus.line_reader import ByteCounter, line_blocks
from archbuilder.text.corpus.skip_log import SkipLog
from archbuilder.text.record import TEXT, Record, SourceLocation

EMPTY_DOCUMENT = "empty document"
"""Reason for skipping a document."""


class Documents(TextSource):
    """Plain text with one sentence per line and blank lines between documents."""

    type: Literal["documents"]
    files: Files
    """File names or patterns, such as `news/*.txt`; .gz, .xz and .zst files are decompressed."""

    @override
    def records(
        self, skip_log: SkipLog | None = None, byte_counter: ByteCounter | None = None
    ) -> Iterator[Record]:
        """Yield each document; one or more blank lines separate documents."""
        files, log = self.files_to_read(), skip_log or SkipLog()
        by_file = (_documents(file, log, byte_counter) for file in files)
        return require_any(chain.from_iterable(by_file), files)

    @override
    def files_to_read(self) -> tuple[str, ...]:
        return expand_patterns(self.files)


def _documents(file: str, skip_log: SkipLog, byte_counter: ByteCounter | None) -> Iterator[Record]:
    sentences: list[str] = []
    is_empty, number = True, 0
    for first, lines in line_blocks(file, byte_counter):
        for number, line in enumerate(map(str.strip, lines), start=first):
            if line:
                sentences.append(line)
                continue
            skip_log.empty_lines += 1
            if sentences:
                yield _document(sentences, file, number - len(sentences))
                is_empty, sentences = False, []
        if len(sentences) > MAX_DOCUMENT_SENTENCES:
            raise document_too_long(file, number + 1 - len(sentences))
    if sentences:
        yield _document(sentences, file, number + 1 - len(sentences))
    elif is_empty:
        skip_log.add("documents", EMPTY_DOCUMENT, SourceLocation(file, 1))


def _document(sentences: list[str], file: str, line: int) -> Record:
    return Record({TEXT: sentences}, file, line, line_per_sentence=True)


class Lines(TextSource):
    """Plain text with one document per line."""

    type: Literal["lines"]
    files: Files
    """File names or patterns, such as `news/*.txt`; .gz, .xz and .zst files are decompressed."""

    @override
    def records(
        self, skip_log: SkipLog | None = None, byte_counter: ByteCounter | None = None
    ) -> Iterator[Record]:
        """Yield each line as a document of one sentence; an empty line is skipped."""
        files, log = self.files_to_read(), skip_log or SkipLog()
        by_file = (_lines(file, log, byte_counter) for file in files)
        return require_any(chain.from_iterable(by_file), files)

    @override
    def files_to_read(self) -> tuple[str, ...]:
        return expand_patterns(self.files)


def _lines(file: str, skip_log: SkipLog, byte_counter: ByteCounter | None) -> Iterator[Record]:
    for first, lines in line_blocks(file, byte_counter):
        for number, line in enumerate(map(str.strip, lines), start=first):
            if line:
                yield Record({TEXT: [line]}, file, number)
            else:
                skip_log.add("documents", EMPTY_DOCUMENT, SourceLocation(file, number))
