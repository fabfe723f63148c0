"""Tables: rows with named columns, each row a document or a pair."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any

from pydantic import Field, model_validator

from archbuilder.errors import UserError
from archbuilder.language.error_messages import meant
from archbuilder.language.node import quote
from archbuilder.text.corpus.corpus import Form, TextSource, some
from archbuilder.text.corpus.reading import LONGEST_LINE, Reading, too_long_a_line

LONGEST_ROW = 16_000_000
"""Bytes in a row; each line in its cells is a sentence, with the limit of a line."""
_SHOWN = 12
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

    @model_validator(mode="after")
    def _documents_or_pairs(self):
        given = tuple(name is not None for name in (self.text, self.source, self.target))
        if given not in ((True, False, False), (False, True, True)):
            raise ValueError(
                "name the column 'text' for documents, or 'source' and 'target' for pairs"
            )
        return self

    @property
    def form(self) -> Form:
        """What a row is."""
        return "documents" if self.text is not None else "pairs"

    @property
    def wanted(self) -> tuple[str, ...]:
        """The columns that are read."""
        return tuple(name for name in (self.text, self.source, self.target) if name is not None)

    @abstractmethod
    def rows(self, file: str, reading: Reading) -> Iterator[tuple[int, Sequence[Any]]]:
        """(its line, its wanted cells) for each row of one of `tables()`."""

    def tables(self) -> tuple[str, ...]:
        """The names of the tables, as mistakes in them show it."""
        return self.files_to_read()

    def documents(self, reading: Reading | None = None) -> Iterator[list[str]]:
        """Each row's sentences; a row without any is left out."""
        return some(self._documents(self.tables(), reading or Reading()), self.tables())

    def pairs(self, reading: Reading | None = None) -> Iterator[tuple[str, str]]:
        """Each row's source and target on one line each; with an empty side it is left out."""
        return some(self._pairs(self.tables(), reading or Reading()), self.tables())

    def check(self) -> None:
        """As every corpus; a look at the first row finds columns that are not there."""
        super().check()
        for file in self.tables():
            next(self.rows(file, Reading()), None)

    def _documents(self, files: Iterable[str], reading: Reading) -> Iterator[list[str]]:
        (column,) = self.wanted
        for file in files:
            for line, (cell,) in self.rows(file, reading):
                if document := _sentences(cell, column, file, line):
                    reading.at(file, line)
                    yield document
                else:
                    reading.leave_out("empty document", file, line)

    def _pairs(self, files: Iterable[str], reading: Reading) -> Iterator[tuple[str, str]]:
        source_column, target_column = self.wanted
        for file in files:
            for line, cells in self.rows(file, reading):
                source = " ".join(_sentences(cells[0], source_column, file, line))
                target = " ".join(_sentences(cells[1], target_column, file, line))
                if source and target:
                    reading.at(file, line)
                    yield source, target
                else:
                    reading.leave_out("empty side", file, line)


def _sentences(cell: Any, column: str, file: str, line: int) -> list[str]:
    """The lines of a cell that are not empty; a null is an empty cell."""
    if cell is None:
        return []
    if not isinstance(cell, str):
        kind = _KINDS.get(type(cell), f"of the kind {type(cell).__name__}")
        raise UserError(f"{file}:{line}: {quote(column)} is {kind}, not text")
    lines = cell.split("\n")
    if len(cell) * 4 > LONGEST_LINE and any(len(one.encode()) > LONGEST_LINE for one in lines):
        raise too_long_a_line(file, line, LONGEST_LINE)
    return [sentence for one in lines if (sentence := one.strip())]


def no_column(
    file: str, line: int, wanted: str, names: Iterable[str], kind: str = "column"
) -> UserError:
    """The mistake of a column that is not there, with those that are."""
    names = list(names)
    shown = ", ".join(quote(name) for name in names[:_SHOWN])
    others = f" and {len(names) - _SHOWN:,} others" if len(names) > _SHOWN else ""
    return UserError(
        f"{file}:{line}: no {kind} {quote(wanted)}; "
        f"it has {shown or 'none'}{others}{meant(wanted, names)}"
    )
