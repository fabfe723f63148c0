"""Records: the examples of a corpus, with named columns and the place each was read from.

| kind | value of the column in a record | example |
|---|---|---|
| `sentences` | text in sentences: a list of str | `text` of plain documents |
| `line` | one line of text: str | `source` and `target` of parallel text |
| `label` | the class or the number of a record: str, int, bool or float | `label` of a table |
| `tags` | a label for each word of each sentence: a list of lists of str | `tags` of CoNLL files |

All text columns of a corpus are of one kind: one column of sentences, or several of lines.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from archbuilder.language.node import quote

ColumnKind = Literal["sentences", "line", "label", "tags"]
"""The kinds of values that a column of records holds."""

RecordColumns = Mapping[str, ColumnKind]
"""The columns of a corpus, or those that examples need, by name."""

TEXT, SOURCE, TARGET, LABEL, TAGS = "text", "source", "target", "label", "tags"
DOCUMENTS: RecordColumns = {TEXT: "sentences"}
"""The text columns of documents of sentences."""
PAIRS: RecordColumns = {SOURCE: "line", TARGET: "line"}
"""The text columns of pairs: a source with its target."""


class SourceLocation(NamedTuple):
    """Where a record is: a file, or the name of a data set, and a line or row, counted from 1."""

    file: str
    line: int
    line_per_sentence: bool = False
    """Whether each sentence of the record is on a line of its own."""

    def of_sentence(self, index: int) -> str:
        """Return the location of a sentence of the record, counted from 0."""
        if self.line_per_sentence or not index:
            return f"{self.file}:{self.line + index}"
        return f"{self.file}:{self.line}, sentence {index + 1}"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(slots=True)
class Record:
    """One example of a corpus.

    Corpora make millions of them, so the parts of the location become an object on demand only.
    """

    columns: dict[str, Any]
    """The value of each column by name; see the module for the kinds of values."""
    file: str
    """The file, or the name of a data set."""
    line: int
    """The line or row of the record, counted from 1."""
    line_per_sentence: bool = False
    """Whether each sentence is on a line of its own."""

    @property
    def location(self) -> SourceLocation:
        """Where the record is."""
        return SourceLocation(self.file, self.line, self.line_per_sentence)


def text_columns(columns: RecordColumns) -> RecordColumns:
    """Return the columns that hold text, in order."""
    return {name: kind for name, kind in columns.items() if kind in ("sentences", "line")}


def annotation_columns(columns: RecordColumns) -> RecordColumns:
    """Return the columns that hold labels or tags, in order."""
    return {name: kind for name, kind in columns.items() if kind in ("label", "tags")}


def has_sentences(columns: RecordColumns) -> bool:
    """Return whether the text of the records is in sentences."""
    return "sentences" in columns.values()


def record_unit(columns: RecordColumns) -> str:
    """Return the word for several records of these columns."""
    return "documents" if has_sentences(columns) else "pairs"


def quoted_names(columns: RecordColumns) -> str:
    """Return the names of columns, in quotes."""
    return ", ".join(map(quote, columns))


def describe_missing_columns(needs: RecordColumns, provided: RecordColumns) -> str | None:
    """Return in words what examples need and a corpus does not provide; None if it is all there."""
    missing: RecordColumns = {
        name: kind for name, kind in needs.items() if provided.get(name) != kind
    }
    if not missing:
        return None
    if text_columns(missing):
        return "documents, not pairs" if has_sentences(needs) else "pairs, as type: parallel reads"
    return f"records with {quoted_names(missing)}; this text has {quoted_names(provided)} only"
