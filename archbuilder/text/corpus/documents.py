"""Plain text: documents parted by blank lines, or a document a line."""

from collections.abc import Iterator
from typing import Literal

from archbuilder.text.corpus.corpus import (
    LONGEST_DOCUMENT,
    TextSource,
    some,
    too_long_a_document,
)
from archbuilder.text.corpus.reading import Files, Reading, expanded, line_blocks


class Documents(TextSource):
    """Plain text: a sentence a line, a blank line between documents."""

    type: Literal["documents"]
    files: Files
    """The files, or patterns of files such as news/*.txt; .gz, .xz and .zst are decompressed."""

    def documents(self, reading: Reading | None = None) -> Iterator[list[str]]:
        """Each document's sentences; several blank lines part as one does."""
        files, reading = self.files_to_read(), reading or Reading()
        return some((one for file in files for one in _documents(file, reading)), files)

    def files_to_read(self) -> tuple[str, ...]:
        return expanded(self.files)


def _documents(file: str, reading: Reading) -> Iterator[list[str]]:
    document: list[str] = []
    found, place = False, 0
    for number, lines in line_blocks(file, reading):
        for place, line in enumerate(map(str.strip, lines), start=number):
            if line:
                document.append(line)
                continue
            reading.empty_lines += 1
            if document:
                reading.at(file, place - len(document), a_line_each=True)
                yield document
                found, document = True, []
        if len(document) > LONGEST_DOCUMENT:
            raise too_long_a_document(file, number + len(lines) - len(document))
    if document:
        reading.at(file, place + 1 - len(document), a_line_each=True)
        yield document
    elif not found:
        reading.leave_out("empty document", file, 1)


class Lines(TextSource):
    """Plain text in which each line is a document by itself."""

    type: Literal["lines"]
    files: Files
    """The files, or patterns of files such as news/*.txt; .gz, .xz and .zst are decompressed."""

    def documents(self, reading: Reading | None = None) -> Iterator[list[str]]:
        """Each line, as a document of one sentence; an empty one is left out."""
        files, reading = self.files_to_read(), reading or Reading()
        return some((one for file in files for one in _lines(file, reading)), files)

    def files_to_read(self) -> tuple[str, ...]:
        return expanded(self.files)


def _lines(file: str, reading: Reading) -> Iterator[list[str]]:
    for number, lines in line_blocks(file, reading):
        for place, line in enumerate(map(str.strip, lines), start=number):
            if line:
                reading.at(file, place)
                yield [line]
            else:
                reading.leave_out("empty document", file, place)
