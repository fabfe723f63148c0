"""Records: the items of a corpus, with named columns and source locations.

| type | value of the column in a record | example |
|---|---|---|
| `sentences` | sentences of a document: a list of str | `text` of plain documents |
| `line` | one line of text: str | `source` and `target` of parallel text |
| `label` | class or number of the record: str, int, bool or float | `label` of a table |
| `tags` | class of each word of each sentence: a list of lists of str | `tags` of CoNLL files |

All text columns of a corpus have the same type: one column of sentences, or several of lines.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from archbuilder.language.node import quote

ColumnKind = Literal["sentences", "line", "label", "tags"]
"""Types of columns; see the module docstring."""

RecordColumns = Mapping[str, ColumnKind]
"""Types of the columns of a corpus, or of those that examples need, by name."""

TEXT, SOURCE, TARGET, LABEL, TAGS = "text", "source", "target", "label", "tags"
DOCUMENTS: RecordColumns = {TEXT: "sentences"}
"""Text columns of documents."""
PAIRS: RecordColumns = {SOURCE: "line", TARGET: "line"}
"""Text columns of pairs of a source and a target."""


class SourceLocation(NamedTuple):
    """Location of a record: a file or the name of a data set, and a line or row, from 1."""

    file: str
    line: int
    line_per_sentence: bool = False
    """Whether each sentence of the record is on a line of its own."""

    def of_sentence(self, index: int) -> str:
        """Return the location of a sentence of the record by its index, counted from 0."""
        if self.line_per_sentence or not index:
            return f"{self.file}:{self.line + index}"
        return f"{self.file}:{self.line}, sentence {index + 1}"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(slots=True)
class Record:
    """Item of a corpus.

    Corpora create millions of records, so the location is stored as plain attributes.
    """

    columns: dict[str, Any]
    """Value of each column, by name; see the module docstring for their types."""
    file: str
    """File, or name of a data set."""
    line: int
    """Line or row of the record, counted from 1."""
    line_per_sentence: bool = False
    """Whether each sentence is on a line of its own."""

    @property
    def location(self) -> SourceLocation:
        """Location of the record."""
        return SourceLocation(self.file, self.line, self.line_per_sentence)


def text_columns(columns: RecordColumns) -> RecordColumns:
    """Return the columns that contain text, in order."""
    return {name: kind for name, kind in columns.items() if kind in ("sentences", "line")}


def annotation_columns(columns: RecordColumns) -> RecordColumns:
    """Return the columns that contain labels or tags, in order."""
    return {name: kind for name, kind in columns.items() if kind in ("label", "tags")}


def has_sentences(columns: RecordColumns) -> bool:
    """Return whether the text of the records consists of sentences."""
    return "sentences" in columns.values()


def record_unit(columns: RecordColumns) -> str:
    """Return the name of the records in messages: "documents" or "pairs"."""
    return "documents" if has_sentences(columns) else "pairs"


def quoted_names(columns: RecordColumns) -> str:
    """Return the names of columns in quotes, separated by commas."""
    return ", ".join(map(quote, columns))


def describe_missing_columns(needs: RecordColumns, provided: RecordColumns) -> str | None:
    """Return a description of the columns that a corpus lacks; None if it has all.

    Args:
        needs: The columns that examples need.
        provided: The columns of the corpus.
    """
    missing: RecordColumns = {
        name: kind for name, kind in needs.items() if provided.get(name) != kind
    }
    if not missing:
        return None
    if text_columns(missing):
        return "documents, not pairs" if has_sentences(needs) else "pairs, such as type: parallel"
    return f"records with {quoted_names(missing)}; this text has only {quoted_names(provided)}"
