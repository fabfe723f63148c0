"""Tables: rows with named columns, each row a document or a pair, with a label if wanted."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from archbuilder.errors import UserError
from archbuilder.language.error_messages import meant
from archbuilder.language.node import quote
from archbuilder.text.corpus.corpus import NO_LABEL, TextSource, require_any
from archbuilder.text.corpus.documents import EMPTY_DOCUMENT
from archbuilder.text.corpus.line_reader import MAX_LINE_BYTES, ByteCounter, line_too_long
from archbuilder.text.corpus.parallel import EMPTY_SIDE
from archbuilder.text.corpus.skip_log import SkipLog
from archbuilder.text.label import Label, typed_label
from archbuilder.text.record import (
    DOCUMENTS,
    LABEL,
    PAIRS,
    SOURCE,
    TARGET,
    TEXT,
    Record,
    RecordColumns,
    SourceLocation,
    has_sentences,
    record_unit,
)

MAX_ROW_BYTES = 16_000_000
"""Bytes in a row; each line in its cells is a sentence, with the limit of a line."""
EMPTY_LINE = "empty line"
"""Why a line without cells is skipped."""
_NUM_SHOWN = 12
_KINDS = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "a mapping",
}

Name = Annotated[str, Field(min_length=1)]


class Table(TextSource):
    """Rows with named cells: by `text` each is a document, by `source` and `target` a pair."""

    text: Name | None = None
    """The column whose cells are documents; the lines of a cell are its sentences."""
    source: Name | None = None
    """The column to read, where rows are pairs."""
    target: Name | None = None
    """The column to write, where rows are pairs."""
    label: Name | None = None
    """The column of labels: the names or numbers of classes, or numbers to predict. A row with an
    empty label is skipped. Default: no labels."""

    annotations: ClassVar[frozenset[str]] = frozenset({LABEL})

    @model_validator(mode="after")
    def _documents_or_pairs(self) -> Self:
        given = tuple(name is not None for name in (self.text, self.source, self.target))
        if given not in ((True, False, False), (False, True, True)):
            raise ValueError(
                "name the column 'text' for documents, or 'source' and 'target' for pairs"
            )
        return self

    def record_columns(self) -> RecordColumns:
        text = DOCUMENTS if self.text is not None else PAIRS
        return text if self.label is None else {**text, LABEL: "label"}

    def table_columns(self) -> dict[str, str]:
        """Return the columns of the table that are read, by the columns of the records."""
        names = {TEXT: self.text, SOURCE: self.source, TARGET: self.target, LABEL: self.label}
        return {column: name for column, name in names.items() if name is not None}

    @abstractmethod
    def rows(
        self, file: str, skip_log: SkipLog, byte_counter: ByteCounter | None
    ) -> Iterator[tuple[int, Sequence[Any]]]:
        """Yield (line, cells) for each row of one of `tables()`; cells as in `table_columns`."""

    def label_of(self, cell: Any) -> Label | None:
        """Return the label in a cell; None if it is empty. Raise ValueError if it is not one."""
        return typed_label(cell)

    def tables(self) -> tuple[str, ...]:
        """Return the names of the tables, as messages show them."""
        return self.files_to_read()

    def records(
        self, skip_log: SkipLog | None = None, byte_counter: ByteCounter | None = None
    ) -> Iterator[Record]:
        """Yield each row; one without text, with an empty side or without a label is skipped."""
        tables, log = self.tables(), skip_log or SkipLog()
        by_table = (self._records(table, log, byte_counter) for table in tables)
        return require_any(chain.from_iterable(by_table), tables)

    def check(self) -> None:
        """Check the files; the first row of each shows whether a column is missing."""
        super().check()
        for table in self.tables():
            next(self.rows(table, SkipLog(), None), None)

    def _records(
        self, table: str, skip_log: SkipLog, byte_counter: ByteCounter | None
    ) -> Iterator[Record]:
        columns, names = self.record_columns(), self.table_columns()
        unit, empty = record_unit(columns), EMPTY_DOCUMENT if has_sentences(columns) else EMPTY_SIDE
        for line, cells in self.rows(table, skip_log, byte_counter):
            location = SourceLocation(table, line)
            values = {
                column: self._value(column, cell, name, location)
                for (column, name), cell in zip(names.items(), cells, strict=True)
            }
            if not all(values[column] for column in columns if column != LABEL):
                skip_log.add(unit, empty, location)
            elif LABEL in columns and values[LABEL] is None:
                skip_log.add(unit, NO_LABEL, location)
            else:
                yield Record(values, table, line)

    def _value(self, column: str, cell: Any, name: str, location: SourceLocation) -> Any:
        if column == TEXT:
            return _sentences(cell, name, location)
        if column != LABEL:
            return " ".join(_sentences(cell, name, location))
        try:
            return self.label_of(cell)
        except ValueError as error:
            raise UserError(f"{location}: {quote(name)} is not a label: it {error}") from error


def _sentences(cell: Any, name: str, location: SourceLocation) -> list[str]:
    """Return the lines of a cell that are not empty; a null is an empty cell."""
    if cell is None:
        return []
    if not isinstance(cell, str):
        kind = _KINDS.get(type(cell), f"of the kind {type(cell).__name__}")
        raise UserError(f"{location}: {quote(name)} is {kind}, not text")
    lines = cell.split("\n")
    if len(cell) * 4 > MAX_LINE_BYTES and any(
        len(line.encode()) > MAX_LINE_BYTES for line in lines
    ):
        raise line_too_long(location.file, location.line, MAX_LINE_BYTES)
    return [sentence for line in lines if (sentence := line.strip())]


def no_column(
    file: str, line: int, missing: str, names: Iterable[str], kind: str = "column"
) -> UserError:
    """Return the error of a column that is missing, with the names of those there are."""
    names = list(names)
    shown = ", ".join(quote(name) for name in names[:_NUM_SHOWN])
    others = f" and {len(names) - _NUM_SHOWN:,} others" if len(names) > _NUM_SHOWN else ""
    return UserError(
        f"{file}:{line}: no {kind} {quote(missing)}; "
        f"it has {shown or 'none'}{others}{meant(missing, names)}"
    )
