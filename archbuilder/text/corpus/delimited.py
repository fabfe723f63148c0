"""Tables as text, a row a line: cells between tabs, or between commas with quotes."""

import csv
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Annotated, Literal

from pydantic import AfterValidator, model_validator

from archbuilder.errors import UserError
from archbuilder.language.error_messages import meant
from archbuilder.language.node import quote
from archbuilder.text.corpus.reading import (
    Files,
    Reading,
    expanded,
    line_blocks,
    numbered_lines,
)
from archbuilder.text.corpus.table import LONGEST_ROW, Name, Table, no_column

Row = tuple[int, list[str]]

_NOT_CSV = {
    "unexpected end": "a quote that opens in this row is not closed",
    "field larger": f"a cell of more than {LONGEST_ROW:,} characters; is a quote not closed?",
    "expected after": "after a closing quote, a ',' or the end of the line must stand; a quote "
    "within quotes is written twice",
    "new-line": "a carriage return stands outside of quotes",
}
"""By what the reader of the standard library says, what to say."""


def _no_twins(names: tuple[str, ...]) -> tuple[str, ...]:
    twin = next((name for name in names if names.count(name) > 1), None)
    if twin is not None or not names:
        raise ValueError(f"{quote(twin)} stands twice" if twin else "must name at least one column")
    return names


ColumnNames = Annotated[tuple[Name, ...], AfterValidator(_no_twins)]


class Delimited(Table):
    """Files of rows of cells."""

    files: Files
    """The files, or patterns of files; .gz, .xz and .zst are decompressed."""
    columns: ColumnNames | None = None
    """The names of the columns, in files whose first line does not hold them."""

    @model_validator(mode="after")
    def _columns_are_named(self):
        columns = self.wanted if self.columns is None else self.columns
        for name in self.wanted:
            if name not in columns:
                raise ValueError(f"no column {quote(name)} in 'columns'{meant(name, columns)}")
        return self

    def files_to_read(self) -> tuple[str, ...]:
        return expanded(self.files)

    def rows(self, file: str, reading: Reading) -> Iterator[tuple[int, Sequence[str]]]:
        """The wanted cells of each row."""
        rows = self._cells(file, reading)
        names = next(rows, (1, []))[1] if self.columns is None else self.columns
        places = [_place(name, names, file) for name in self.wanted]
        for line, cells in rows:
            if len(cells) == len(names):
                yield line, [cells[place] for place in places]
            elif not cells:
                reading.leave_out("empty line", file, line)
            else:
                raise UserError(f"{file}:{line}: has {len(cells)} cells for {len(names)} columns")

    @abstractmethod
    def _cells(self, file: str, reading: Reading) -> Iterator[Row]:
        """(line, all its cells) for each row; an empty line has none."""


class Tsv(Delimited):
    """Lines of cells between tabs, without quotes."""

    type: Literal["tsv"]

    def _cells(self, file: str, reading: Reading) -> Iterator[Row]:
        for number, line in numbered_lines(file, reading, LONGEST_ROW):
            yield number, line.split("\t") if line else []


class Csv(Delimited):
    """Rows of cells between commas; a cell in double quotes may hold commas and lines."""

    type: Literal["csv"]

    def _cells(self, file: str, reading: Reading) -> Iterator[Row]:
        return _csv_rows(file, reading)


def _csv_rows(file: str, reading: Reading) -> Iterator[Row]:
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_ROW))  # One for the whole process.
    lines = chain.from_iterable(lines for _, lines in line_blocks(file, reading, LONGEST_ROW))
    rows = csv.reader((f"{line}\n" for line in lines), strict=True)
    begin = 1
    try:
        for cells in rows:
            yield begin, cells
            begin = rows.line_num + 1
    except csv.Error as error:
        said = str(error)
        sentence = next((text for part, text in _NOT_CSV.items() if part in said), said)
        raise UserError(f"{file}:{begin}: {sentence}") from error


def _place(name: str, names: Sequence[str], file: str) -> int:
    if name not in names:
        raise no_column(file, 1, name, names)
    if names.count(name) > 1:
        raise UserError(f"{file}:1: the column {quote(name)} stands twice")
    return names.index(name)
