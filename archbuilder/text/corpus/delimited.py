"""Tables as text, a row a line: cells between tabs, or between commas with quotes."""

import csv
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator

from archbuilder.errors import UserError
from archbuilder.language.error_messages import meant
from archbuilder.language.node import quote
from archbuilder.text.corpus.file_set import Files, expand_patterns
from archbuilder.text.corpus.line_reader import ByteCounter, line_blocks, numbered_lines
from archbuilder.text.corpus.skip_log import SkipLog
from archbuilder.text.corpus.table import EMPTY_LINE, MAX_ROW_BYTES, Name, Table, no_column
from archbuilder.text.label import Label, parse_label
from archbuilder.text.record import SourceLocation

Row = tuple[int, list[str]]

_NOT_CSV = {
    "unexpected end": "a quote that opens in this row is not closed",
    "field larger": f"a cell of more than {MAX_ROW_BYTES:,} characters; is a quote not closed?",
    "expected after": "after a closing quote, a ',' or the end of the line must stand; a quote "
    "within quotes is written twice",
    "new-line": "a carriage return stands outside of quotes",
}
"""Our messages by parts of those of the standard library's reader."""


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{quote(twice)} stands twice")
    if not names:
        raise ValueError("must name at least one column")
    return names


ColumnNames = Annotated[tuple[Name, ...], AfterValidator(_distinct)]


class Delimited(Table):
    """The interface of files of rows of cells."""

    files: Files
    """The files, or patterns of files; .gz, .xz and .zst are decompressed."""
    columns: ColumnNames | None = None
    """The names of the columns, in files whose first line does not hold them."""

    @model_validator(mode="after")
    def _columns_are_named(self) -> Self:
        for name in self.table_columns().values():
            if self.columns is not None and name not in self.columns:
                raise ValueError(f"no column {quote(name)} in 'columns'{meant(name, self.columns)}")
        return self

    def files_to_read(self) -> tuple[str, ...]:
        return expand_patterns(self.files)

    def label_of(self, cell: str) -> Label | None:
        return parse_label(cell)

    def rows(
        self, file: str, skip_log: SkipLog, byte_counter: ByteCounter | None
    ) -> Iterator[tuple[int, Sequence[str]]]:
        rows = self._cells(file, byte_counter)
        names = next(rows, (1, []))[1] if self.columns is None else self.columns
        indices = [_column_index(name, names, file) for name in self.table_columns().values()]
        for line, cells in rows:
            if len(cells) == len(names):
                yield line, [cells[index] for index in indices]
            elif not cells:
                skip_log.add("lines", EMPTY_LINE, SourceLocation(file, line))
            else:
                raise UserError(f"{file}:{line}: has {len(cells)} cells for {len(names)} columns")

    @abstractmethod
    def _cells(self, file: str, byte_counter: ByteCounter | None) -> Iterator[Row]:
        """Yield (line, all cells) for each row; an empty line has none."""


class Tsv(Delimited):
    """Lines of cells between tabs, without quotes."""

    type: Literal["tsv"]

    def _cells(self, file: str, byte_counter: ByteCounter | None) -> Iterator[Row]:
        for number, line in numbered_lines(file, byte_counter, MAX_ROW_BYTES):
            yield number, line.split("\t") if line else []


class Csv(Delimited):
    """Rows of cells between commas; a cell in double quotes may hold commas and lines."""

    type: Literal["csv"]

    def _cells(self, file: str, byte_counter: ByteCounter | None) -> Iterator[Row]:
        return _csv_rows(file, byte_counter)


def _csv_rows(file: str, byte_counter: ByteCounter | None) -> Iterator[Row]:
    csv.field_size_limit(max(csv.field_size_limit(), MAX_ROW_BYTES))  # One limit for the process.
    blocks = line_blocks(file, byte_counter, MAX_ROW_BYTES)
    lines = chain.from_iterable(lines for _, lines in blocks)
    rows = csv.reader((f"{line}\n" for line in lines), strict=True)
    first_line = 1
    try:
        for cells in rows:
            yield first_line, cells
            first_line = rows.line_num + 1
    except csv.Error as error:
        original = str(error)
        message = next((text for part, text in _NOT_CSV.items() if part in original), original)
        raise UserError(f"{file}:{first_line}: {message}") from error


def _column_index(name: str, names: Sequence[str], file: str) -> int:
    if name not in names:
        raise no_column(file, 1, name, names)
    if names.count(name) > 1:
        raise UserError(f"{file}:1: the column {quote(name)} stands twice")
    return names.index(name)
