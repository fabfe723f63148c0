"""Plain text: documents separated by blank lines, or a document a line."""

from collections.abc import Iterator
from itertools import chain
from typing import Literal

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
"""Why a document is skipped."""


class Documents(TextSource):
    """Plain text: a sentence a line, a blank line between documents."""

    type: Literal["documents"]
    files: Files
    """The files, or patterns of files such as news/*.txt; .gz, .xz and .zst are decompressed."""

    def records(
        self, skip_log: SkipLog | None = None, byte_counter: ByteCounter | None = None
    ) -> Iterator[Record]:
        """Yield each document; several blank lines separate documents as one does."""
        files, log = self.files_to_read(), skip_log or SkipLog()
        by_file = (_documents(file, log, byte_counter) for file in files)
        return require_any(chain.from_iterable(by_file), files)

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
    """Plain text in which each line is a document by itself."""

    type: Literal["lines"]
    files: Files
    """The files, or patterns of files such as news/*.txt; .gz, .xz and .zst are decompressed."""

    def records(
        self, skip_log: SkipLog | None = None, byte_counter: ByteCounter | None = None
    ) -> Iterator[Record]:
        """Yield each line as a document of one sentence; an empty line is skipped."""
        files, log = self.files_to_read(), skip_log or SkipLog()
        by_file = (_lines(file, log, byte_counter) for file in files)
        return require_any(chain.from_iterable(by_file), files)

    def files_to_read(self) -> tuple[str, ...]:
        return expand_patterns(self.files)


def _lines(file: str, skip_log: SkipLog, byte_counter: ByteCounter | None) -> Iterator[Record]:
    for first, lines in line_blocks(file, byte_counter):
        for number, line in enumerate(map(str.strip, lines), start=first):
            if line:
                yield Record({TEXT: [line]}, file, number)
            else:
                skip_log.add("documents", EMPTY_DOCUMENT, SourceLocation(file, number))
