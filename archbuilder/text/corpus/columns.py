"""Tokens in columns, one a line, as annotated corpora are published."""

import re
from collections.abc import Iterator
from itertools import chain
from typing import ClassVar, Literal

from pydantic import NonNegativeInt

from archbuilder.errors import UserError
from archbuilder.text.corpus.corpus import (
    MAX_DOCUMENT_SENTENCES,
    TextSource,
    document_too_long,
    require_any,
)
from archbuilder.text.corpus.documents import EMPTY_DOCUMENT
from archbuilder.text.corpus.file_set import Files, expand_patterns
from archbuilder.text.corpus.line_reader import ByteCounter, numbered_lines
from archbuilder.text.corpus.skip_log import SkipLog
from archbuilder.text.record import DOCUMENTS, TAGS, TEXT, Record, RecordColumns, SourceLocation

MAX_SENTENCE_TOKENS = 100_000
"""A longer sentence lacks its blank lines."""
_CONLL_U_COLUMNS = 10
_SIGNS = ("#", "-")
_Sentence = tuple[str, list[str]]
"""The text of a sentence and the tags of its words."""


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

    tags: NonNegativeInt | None = None
    """The column of a tag for each token, such as 3 for the entities of CoNLL-2003 or 3 for the
    parts of speech of CoNLL-U, counted from 0. Default: no tags."""

    annotations: ClassVar[frozenset[str]] = frozenset({TAGS})

    def record_columns(self) -> RecordColumns:
        return DOCUMENTS if self.tags is None else {**DOCUMENTS, TAGS: "tags"}

    def records(
        self, skip_log: SkipLog | None = None, byte_counter: ByteCounter | None = None
    ) -> Iterator[Record]:
        """Yield each document; a sentence is its tokens with spaces between them."""
        files, log = self.files_to_read(), skip_log or SkipLog()
        by_file = (self._documents(file, log, byte_counter) for file in files)
        return require_any(chain.from_iterable(by_file), files)

    def files_to_read(self) -> tuple[str, ...]:
        return expand_patterns(self.files)

    def _documents(
        self, file: str, skip_log: SkipLog, byte_counter: ByteCounter | None
    ) -> Iterator[Record]:
        sentences: list[_Sentence] = []
        location, is_marked = SourceLocation(file, 1), False
        for number, sentence in self._sentences(file, byte_counter):
            if sentence is not None:
                sentences.append(sentence)
                if len(sentences) > MAX_DOCUMENT_SENTENCES:
                    raise document_too_long(file, location.line)
                continue
            if sentences:
                yield self._record(sentences, location)
            elif is_marked:
                skip_log.add("documents", EMPTY_DOCUMENT, location)
            sentences, location, is_marked = [], SourceLocation(file, number), True
        if sentences:
            yield self._record(sentences, location)
        else:
            skip_log.add("documents", EMPTY_DOCUMENT, location)

    def _record(self, sentences: list[_Sentence], location: SourceLocation) -> Record:
        columns: dict[str, list] = {TEXT: [text for text, _ in sentences]}
        if self.tags is not None:
            columns[TAGS] = [tags for _, tags in sentences]
        return Record(columns, location.file, location.line)

    def _sentences(
        self, file: str, byte_counter: ByteCounter | None
    ) -> Iterator[tuple[int, _Sentence | None]]:
        """Yield (line, sentence) for each; None for a sentence where a document begins."""
        tokens: list[str] = []
        tags: list[str] = []
        number, covered = 1, 0
        for number, line in numbered_lines(file, byte_counter):
            begins = line[:1] in _SIGNS and _begins_document(line, bool(tokens))
            if begins or not line or line.isspace():
                if tokens:
                    yield number, (" ".join(tokens), tags)
                    tokens, tags = [], []
                if begins:
                    yield number, None
            elif tokens or not _is_comment(line):
                cells = line.split("\t") if "\t" in line else _between_spaces(line)
                if self.text and len(cells) == _CONLL_U_COLUMNS:
                    is_written, covered = _is_in_text(cells, covered if tokens else 0)
                    if not is_written:
                        continue
                tokens.append(_token(cells, self.text, file, number))
                if self.tags is not None:
                    tags.append(_tag(cells, self.tags, file, number))
                if len(tokens) > MAX_SENTENCE_TOKENS:
                    raise _sentence_too_long(file, number)
        if tokens:
            yield number, (" ".join(tokens), tags)


def _sentence_too_long(file: str, number: int) -> UserError:
    return UserError(
        f"{file}:{number}: a sentence of more than {MAX_SENTENCE_TOKENS:,} tokens; "
        "a blank line between sentences is missing"
    )


def _is_in_text(cells: list[str], covered: int) -> tuple[bool, int]:
    """Return whether a word of CoNLL-U is written in the text, and the last word that is covered.

    The format gives "3-4 zum" before its words "3 zu" and "4 dem", which are not in the text; nor
    are words such as "8.1", which the text omits.
    """
    if span := re.fullmatch(r"[0-9]+-([0-9]+)", cells[0]):
        return True, int(span[1])
    if cells[0].isdecimal():
        return not 0 < int(cells[0]) <= covered, covered
    return not re.fullmatch(r"[0-9]+\.[0-9]+", cells[0]), covered


def _between_spaces(line: str) -> list[str]:
    """Return the cells between spaces; other white space of Unicode does not separate cells."""
    return [cell for cell in line.split(" ") if cell]


def _token(cells: list[str], column: int, file: str, number: int) -> str:
    token = cells[column].strip() if column < len(cells) else ""
    if not token:
        raise UserError(
            f"{file}:{number}: no token in column {column}, counted from nought; "
            f"the line has {len(cells)} columns"
        )
    return token


def _tag(cells: list[str], column: int, file: str, number: int) -> str:
    tag = cells[column].strip() if column < len(cells) else ""
    if not tag:
        raise UserError(
            f"{file}:{number}: no tag in column {column}, counted from 0; "
            f"the line has {len(cells)} columns"
        )
    return tag


def _is_comment(line: str) -> bool:
    """Return whether a line is a comment; a "#" in a line with tabs is a token."""
    return line.startswith("#") and "\t" not in line


def _begins_document(line: str, within: bool) -> bool:
    if line.startswith("-DOCSTART-"):
        return True
    return not within and line.startswith("#") and line[1:].split()[:1] == ["newdoc"]
