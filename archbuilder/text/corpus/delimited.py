"""Tables as text files: tab-separated or comma-separated values."""

import csv
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator
from typing_extensions import override

from archbuilder.errors import UserError
from archbuilder.language.error_messages import suggestion
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
    "field larger": f"a cell has more than {MAX_ROW_BYTES:,} characters; is a quote not closed?",
    "expected after": "expected ',' or the end of the line after a closing quote; write a quote "
    "within quotes twice",
    "new-line": "carriage return outside of quotes",
}
"""Messages by the part of the message of `csv.reader` that they replace."""


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    duplicate = next((name for name in names if names.count(name) > 1), None)
    if duplicate is not None:
        raise ValueError(f"{quote(duplicate)} occurs more than once")
    if not names:
        raise ValueError("must name at least one column")
    return names


ColumnNames = Annotated[tuple[Name, ...], AfterValidator(_distinct)]


class Delimited(Table):
    """Interface of tables in text files."""

    files: Files
    """File names or patterns, such as `data/*.csv`; .gz, .xz and .zst files are decompressed."""
    columns: ColumnNames | None = None
    """Names of the columns. Default: the first line of each file contains them."""

    @model_validator(mode="after")
    def _columns_are_named(self) -> Self:
        for name in self.table_columns().values():
            if self.columns is not None and name not in self.columns:
                raise ValueError(
                    f"no column {quote(name)} in 'columns'{suggestion(name, self.columns)}"
                )
        return self

    @override
    def files_to_read(self) -> tuple[str, ...]:
        return expand_patterns(self.files)

    @override
    def label_of(self, cell: str) -> Label | None:
        return parse_label(cell)

    @override
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
                raise UserError(f"{file}:{line}: expected {len(names)} cells, got {len(cells)}")

    @abstractmethod
    def _cells(self, file: str, byte_counter: ByteCounter | None) -> Iterator[Row]:
        """Yield (line number, cells) for each row; an empty line has no cells."""


class Tsv(Delimited):
    """Tab-separated values, without quoting."""

    type: Literal["tsv"]

    def _cells(self, file: str, byte_counter: ByteCounter | None) -> Iterator[Row]:
        for number, line in numbered_lines(file, byte_counter, MAX_ROW_BYTES):
            yield number, line.split("\t") if line else []


class Csv(Delimited):
    """Comma-separated values; cells in double quotes may contain commas and line breaks."""

    type: Literal["csv"]

    def _cells(self, file: str, byte_counter: ByteCounter | None) -> Iterator[Row]:
        return _csv_rows(file, byte_counter)


def _csv_rows(file: str, byte_counter: ByteCounter | None) -> Iterator[Row]:
    csv.field_size_limit(
        max(csv.field_size_limit(), MAX_ROW_BYTES)
    )  # The limit applies to the whole process.
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
        raise UserError(f"{file}:1: the column {quote(name)} occurs more than once")
    return names.index(name)
