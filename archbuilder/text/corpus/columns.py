"""Tokens in columns, one a line, as annotated corpora are kept."""

import re
from collections.abc import Iterator
from typing import Literal

from pydantic import NonNegativeInt

from archbuilder.errors import UserError
from archbuilder.text.corpus.corpus import (
    LONGEST_DOCUMENT,
    TextSource,
    some,
    too_long_a_document,
)
from archbuilder.text.corpus.reading import Files, Reading, expanded, numbered_lines

LONGEST_SENTENCE = 100_000
"""Tokens: a longer one lacks its blank lines."""
_CONLL_U_COLUMNS = 10
_SIGNS = ("#", "-")


class Columns(TextSource):
    """A token a line with its annotations in columns (CoNLL), a blank line between sentences.

    Columns stand between tabs, or in lines without any, between spaces. A line `-DOCSTART-` or
    `# newdoc` begins a document, else a file is one; other lines without tabs that begin with `#`
    before a sentence are comments.
    """

    type: Literal["columns"]
    files: Files
    """The files, or patterns of files; .gz, .xz and .zst are decompressed."""
    text: NonNegativeInt = 0
    """The column of the token, counted from nought: 0 in CoNLL-2003, 1 in CoNLL-U."""

    def documents(self, reading: Reading | None = None) -> Iterator[list[str]]:
        """Each document's sentences: tokens with spaces between them."""
        files, reading = self.files_to_read(), reading or Reading()
        return some((one for file in files for one in self._documents(file, reading)), files)

    def files_to_read(self) -> tuple[str, ...]:
        return expanded(self.files)

    def _documents(self, file: str, reading: Reading) -> Iterator[list[str]]:
        document: list[str] = []
        begin, marked = 1, False
        for number, sentence in self._sentences(file, reading):
            if sentence is not None:
                document.append(sentence)
                if len(document) > LONGEST_DOCUMENT:
                    raise too_long_a_document(file, begin)
                continue
            if document:
                reading.at(file, begin)
                yield document
            elif marked:
                reading.leave_out("empty document", file, begin)
            document, begin, marked = [], number, True
        if document:
            reading.at(file, begin)
            yield document
        else:
            reading.leave_out("empty document", file, begin)

    def _sentences(self, file: str, reading: Reading) -> Iterator[tuple[int, str | None]]:
        """(line, sentence) for each; None for a sentence where a document begins."""
        tokens: list[str] = []
        column, number, covered = self.text, 1, 0
        for number, line in numbered_lines(file, reading):
            begins = line[:1] in _SIGNS and _begins_document(line, bool(tokens))
            if begins or not line or line.isspace():
                if tokens:
                    yield number, " ".join(tokens)
                    tokens = []
                if begins:
                    yield number, None
            elif tokens or not _is_comment(line):
                cells = line.split("\t") if "\t" in line else _between_spaces(line)
                if column and len(cells) == _CONLL_U_COLUMNS:
                    stands, covered = _stands_in_text(cells, covered if tokens else 0)
                    if not stands:
                        continue
                tokens.append(_token(cells, column, file, number))
                if len(tokens) > LONGEST_SENTENCE:
                    raise UserError(
                        f"{file}:{number}: a sentence of more than {LONGEST_SENTENCE:,} tokens; "
                        "a blank line between sentences is missing"
                    )
        if tokens:
            yield number, " ".join(tokens)


def _stands_in_text(cells: list[str], covered: int) -> tuple[bool, int]:
    """Whether a word of CoNLL-U is written in the text, and up to which word a token goes.

    It gives "3-4 zum" before its words "3 zu" and "4 dem", which are not in the text; nor are
    words such as "8.1", which the text leaves to be understood.
    """
    if found := re.fullmatch(r"[0-9]+-([0-9]+)", cells[0]):
        return True, int(found[1])
    if cells[0].isdecimal():
        return not 0 < int(cells[0]) <= covered, covered
    return not re.fullmatch(r"[0-9]+\.[0-9]+", cells[0]), covered


def _between_spaces(line: str) -> list[str]:
    """What stands between spaces, and not between others that Unicode has."""
    return [cell for cell in line.split(" ") if cell]


def _token(cells: list[str], column: int, file: str, number: int) -> str:
    token = cells[column].strip() if column < len(cells) else ""
    if not token:
        raise UserError(
            f"{file}:{number}: no token in column {column}, counted from nought; "
            f"the line has {len(cells)} columns"
        )
    return token


def _is_comment(line: str) -> bool:
    """A "#" with a tab behind it is a token."""
    return line.startswith("#") and "\t" not in line


def _begins_document(line: str, within: bool) -> bool:
    if line.startswith("-DOCSTART-"):
        return True
    return not within and line.startswith("#") and line[1:].split()[:1] == ["newdoc"]
