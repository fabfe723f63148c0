"""Interface of tables: each row is a document or a pair, optionally with a label."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator
from typing_extensions import override

from archbuilder.errors import UserError
from archbuilder.language.error_messages import suggestion
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
"""Maximum length of a row in bytes; each line within a cell has the limit of a line."""
EMPTY_LINE = "empty line"
"""Reason for skipping a line without cells."""
_NUM_SHOWN = 12
_TYPE_NAMES = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "a mapping",
}

Name = Annotated[str, Field(min_length=1)]


class Table(TextSource):
    """Table whose rows are documents (`text`) or pairs (`source` and `target`)."""

    text: Name | None = None
    """Name of the column of documents; each line of a cell is a sentence."""
    source: Name | None = None
    """Name of the column of sources, if rows are pairs."""
    target: Name | None = None
    """Name of the column of targets, if rows are pairs."""
    label: Name | None = None
    """Name of the column of labels, which are classes (text, integers or booleans) or numbers to
    predict. Rows with an empty label are skipped. Default: no labels."""

    annotations: ClassVar[frozenset[str]] = frozenset({LABEL})

    @model_validator(mode="after")
    def _documents_or_pairs(self) -> Self:
        given = tuple(name is not None for name in (self.text, self.source, self.target))
        if given not in ((True, False, False), (False, True, True)):
            raise ValueError(
                "must have either 'text', for documents, or 'source' and 'target', for pairs"
            )
        return self

    @override
    def record_columns(self) -> RecordColumns:
        text = DOCUMENTS if self.text is not None else PAIRS
        return text if self.label is None else {**text, LABEL: "label"}

    def table_columns(self) -> dict[str, str]:
        """Return the names of the columns that are read, by the column of the records."""
        names = {TEXT: self.text, SOURCE: self.source, TARGET: self.target, LABEL: self.label}
        return {column: name for column, name in names.items() if name is not None}

    @abstractmethod
    def rows(
        self, file: str, skip_log: SkipLog, byte_counter: ByteCounter | None
    ) -> Iterator[tuple[int, Sequence[Any]]]:
        """Yield (line number, cells) for each row of a table.

        Args:
            file: One of `tables()`.
            skip_log: Counts skipped lines.
            byte_counter: Counts the bytes read from disk, if not None.

        Yields:
            The line or row number, from 1, and the cells in the order of `table_columns()`.
        """

    def label_of(self, cell: Any) -> Label | None:
        """Return the label in a cell; None if it is empty. Raise ValueError for other cells."""
        return typed_label(cell)

    def tables(self) -> tuple[str, ...]:
        """Return the names of the tables: their files, unless a library loads them."""
        return self.files_to_read()

    @override
    def records(
        self, skip_log: SkipLog | None = None, byte_counter: ByteCounter | None = None
    ) -> Iterator[Record]:
        """Yield each row; rows without text, with an empty side or without a label are skipped."""
        tables, log = self.tables(), skip_log or SkipLog()
        by_table = (self._records(table, log, byte_counter) for table in tables)
        return require_any(chain.from_iterable(by_table), tables)

    @override
    def check(self) -> None:
        """Raise `UserError` if a file cannot be read or lacks a column; only its start is read."""
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
            raise UserError(
                f"{location}: {quote(name)} is not a valid label; it {error}"
            ) from error


def _sentences(cell: Any, name: str, location: SourceLocation) -> list[str]:
    """Return the nonempty lines of a cell; a null is an empty cell."""
    if cell is None:
        return []
    if not isinstance(cell, str):
        type_name = _TYPE_NAMES.get(type(cell), f"of type {type(cell).__name__}")
        raise UserError(f"{location}: {quote(name)} must be text, but is {type_name}")
    lines = cell.split("\n")
    if len(cell) * 4 > MAX_LINE_BYTES and any(
        len(line.encode()) > MAX_LINE_BYTES for line in lines
    ):
        raise line_too_long(location.file, location.line, MAX_LINE_BYTES)
    return [sentence for line in lines if (sentence := line.strip())]


def no_column(
    file: str, line: int, missing: str, names: Iterable[str], term: str = "column"
) -> UserError:
    """Return the error for a missing column, which lists the existing ones.

    Args:
        file: The name of the table.
        line: The line or row.
        missing: The name of the missing column.
        names: The names of the existing columns.
        term: The term for a column in the message.
    """
    names = list(names)
    shown = ", ".join(quote(name) for name in names[:_NUM_SHOWN])
    others = f" and {len(names) - _NUM_SHOWN:,} others" if len(names) > _NUM_SHOWN else ""
    return UserError(
        f"{file}:{line}: no {term} {quote(missing)}; "
        f"it has {shown or 'none'}{others}{suggestion(missing, names)}"
    )
