"""Annotated corpora in CoNLL formats: one token per line, with annotations in columns."""

import re
from collections.abc import Iterator
from itertools import chain
from typing import ClassVar, Literal

from pydantic import NonNegativeInt
from typing_extensions import override

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
"""Maximum number of tokens of a sentence; a longer one lacks its blank lines."""
_CONLL_U_COLUMNS = 10
_MARKER_STARTS = ("#", "-")
_Sentence = tuple[str, list[str]]
"""Text of a sentence, and the tags of its words."""


class Columns(TextSource):
    """CoNLL files: one token per line with annotations in columns, blank lines between sentences.

    Columns are separated by tabs, or by spaces in lines without tabs. A line `-DOCSTART-` or
    `# newdoc` starts a document; a file without these lines is one document. Other lines that start
    with `#` and precede a sentence are comments, unless they contain tabs.
    """

    type: Literal["columns"]
    files: Files
    """File names or patterns, such as `data/*.conll`; .gz, .xz and .zst are decompressed."""
    text: NonNegativeInt = 0
    """Zero-based index of the token column: 0 in CoNLL-2003, 1 in CoNLL-U."""
    tags: NonNegativeInt | None = None
    """Zero-based index of the tag column: for example, 3 for the named entities of CoNLL-2003 or
    the parts of speech of CoNLL-U. Default: no tags."""

    annotations: ClassVar[frozenset[str]] = frozenset({TAGS})

    @override
    def record_columns(self) -> RecordColumns:
        return DOCUMENTS if self.tags is None else {**DOCUMENTS, TAGS: "tags"}

    @override
    def records(
        self, skip_log: SkipLog | None = None, byte_counter: ByteCounter | None = None
    ) -> Iterator[Record]:
        """Yield each document; the text of a sentence is its tokens, joined by spaces."""
        files, log = self.files_to_read(), skip_log or SkipLog()
        by_file = (self._documents(file, log, byte_counter) for file in files)
        return require_any(chain.from_iterable(by_file), files)

    @override
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
        """Yield (line number, sentence); the sentence is missing (None) at document starts."""
        tokens: list[str] = []
        tags: list[str] = []
        number, covered = 1, 0
        for number, line in numbered_lines(file, byte_counter):
            is_start = line[:1] in _MARKER_STARTS and _starts_document(line, bool(tokens))
            if is_start or not line or line.isspace():
                if tokens:
                    yield number, (" ".join(tokens), tags)
                    tokens, tags = [], []
                if is_start:
                    yield number, None
            elif tokens or not _is_comment(line):
                cells = line.split("\t") if "\t" in line else _split_at_spaces(line)
                if self.text and len(cells) == _CONLL_U_COLUMNS:
                    is_in_text, covered = _is_in_text(cells, covered if tokens else 0)
                    if not is_in_text:
                        continue
                tokens.append(_cell(cells, self.text, "token", file, number))
                if self.tags is not None:
                    tags.append(_cell(cells, self.tags, "tag", file, number))
                if len(tokens) > MAX_SENTENCE_TOKENS:
                    raise _sentence_too_long(file, number)
        if tokens:
            yield number, (" ".join(tokens), tags)


def _sentence_too_long(file: str, number: int) -> UserError:
    return UserError(
        f"{file}:{number}: sentence has more than {MAX_SENTENCE_TOKENS:,} tokens; "
        "separate sentences by blank lines"
    )


def _is_in_text(cells: list[str], covered: int) -> tuple[bool, int]:
    """Return whether a line of CoNLL-U is a token of the text, and the last covered word.

    The format lists "3-4 zum" before its words "3 zu" and "4 dem", which are not in the text. Words
    with decimal numbers, such as "8.1", are omitted from the text, too.

    Args:
        cells: The cells of the line.
        covered: The last word that a token of several words covers.
    """
    if span := re.fullmatch(r"[0-9]+-([0-9]+)", cells[0]):
        return True, int(span[1])
    if cells[0].isdecimal():
        return not 0 < int(cells[0]) <= covered, covered
    return not re.fullmatch(r"[0-9]+\.[0-9]+", cells[0]), covered


def _split_at_spaces(line: str) -> list[str]:
    """Return the cells between spaces; other Unicode whitespace does not separate cells."""
    return [cell for cell in line.split(" ") if cell]


def _cell(cells: list[str], column: int, content: str, file: str, number: int) -> str:
    cell = cells[column].strip() if column < len(cells) else ""
    if not cell:
        raise UserError(
            f"{file}:{number}: no {content} in column {column} (counted from 0); "
            f"the line has {len(cells)} columns"
        )
    return cell


def _is_comment(line: str) -> bool:
    """Return whether a line is a comment; "#" in a line with tabs is a token."""
    return line.startswith("#") and "\t" not in line


def _starts_document(line: str, in_sentence: bool) -> bool:
    if line.startswith("-DOCSTART-"):
        return True
    return not in_sentence and line.startswith("#") and line[1:].split()[:1] == ["newdoc"]
