"""Store of the tokens and labels of a corpus on disk, opened for reading.

A store is a folder with the following arrays for each column of the records. R is the number of
records, S the number of lines or sentences, N the number of tokens, and W the number of words.

| column | file | array | meaning |
|---|---|---|---|
| text | `NAME_ids.npy` | uint16 or uint32 [N] | token ids of all lines, one after another |
| | `NAME_offsets.npy` | int64 [S + 1] | index of each line's first token, then N |
| documents | `NAME_documents.npy` | int64 [R + 1] | index of each document's first line, then S |
| label | `NAME.npy` | int32 [R] or float64 [R] | class index, or number to predict |
| tags | `NAME.npy` | int32 [W] | class index of each word |
| | `NAME_offsets.npy` | int64 [S + 1] | index of each sentence's first word, then W |

`meta.json` contains the type, length and CRC-32 of each array, the counts of skipped text, and the
distinct labels of each label column with the location where each first occurs. A location contains
the index of a file in the corpus instead of its path, so that the files may be moved.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from archbuilder.files import read_json
from archbuilder.text.array_file import ArrayReader, is_intact
from archbuilder.text.label import DistinctLabel, label_names, unknown_label
from archbuilder.text.record import RecordColumns, SourceLocation, annotation_columns, text_columns
from archbuilder.text.skipped import Skipped

META = "meta.json"
"""Name of the metadata file. It is written last, so a store without it is incomplete."""

Array = ArrayReader | np.ndarray
"""Array in a file or in memory."""


@dataclass(frozen=True)
class RaggedText:
    """Token ids of a text column: line i is `ids[offsets[i]:offsets[i + 1]]`."""

    ids: Array
    """Token ids of all lines, uint16 or uint32 [N]."""
    offsets: Array
    """Index of the first token of each line, then N; int64 [S + 1]."""

    def lengths(self) -> np.ndarray:
        """Return the number of tokens of each line, int64 [S]."""
        return np.diff(self.offsets[:])

    def line(self, index: int, max_tokens: int | None = None) -> np.ndarray:
        """Return the token ids of a line, truncated to `max_tokens`. Default: not truncated."""
        start, end = map(int, self.offsets[index : index + 2])
        return self.ids[start : end if max_tokens is None else min(end, start + max_tokens)]


@dataclass(frozen=True)
class RaggedSentences(RaggedText):
    """Token ids of documents, with one line per sentence."""

    documents: Array
    """Index of the first sentence of each document, then S; int64 [R + 1]."""


@dataclass(frozen=True)
class LabelColumn:
    """Labels of records, or tags of words: class indices, or numbers to predict."""

    values: Array
    """Stored labels: int32 or float64 [R]; stored tags: int32 [W]."""
    names: tuple[str, ...] | None
    """Names of the classes, in the order of their indices; None for numbers to predict."""
    distinct: tuple[DistinctLabel, ...]
    """Distinct labels, in order of first occurrence. All non-integer numbers share one entry."""
    offsets: Array | None = None
    """Index of the first word of each sentence, then W; int64 [S + 1]. Default: None, one label per
    record."""
    converted: np.ndarray | None = None
    """New class index or number for each stored class index; see `with_names`. Default: None, the
    stored values are used."""

    def __getitem__(self, index: int | slice) -> Any:
        """Return a label, or the labels of a slice without a step."""
        values = self.values[index]
        return values if self.converted is None else self.converted[values]

    def __len__(self) -> int:
        return len(self.values)

    def of_sentence(self, index: int) -> np.ndarray:
        """Return the class indices of the words of a sentence.

        Raises:
            TypeError: The column has labels of records.
        """
        if self.offsets is None:
            raise TypeError("the column has one label per record, not one tag per word")
        first, end = map(int, self.offsets[index : index + 2])
        return self[first:end]

    def with_names(self, names: tuple[str, ...] | None) -> "LabelColumn":
        """Return the column with the classes of other text, such as the training data.

        Args:
            names: The names of the classes, in the order of their indices; None for numbers to
                predict.

        Raises:
            UserError: A label is not among the names, or not a number if `names` is `None`.
        """
        if names == self.names:
            return self
        for distinct in self.distinct:
            is_number = isinstance(distinct.label, int) and not isinstance(distinct.label, bool)
            is_valid = is_number if names is None else distinct.name in names
            if not is_valid:
                raise unknown_label(distinct, names)
        own_names = self.names or ()
        values = [float(name) if names is None else names.index(name) for name in own_names]
        dtype = "float64" if names is None else "int32"
        return replace(self, names=names, converted=np.array(values, dtype=dtype))


class Tokens:
    """Tokens and labels of a corpus."""

    def __init__(
        self,
        text: Mapping[str, RaggedText],
        labels: Mapping[str, LabelColumn] | None = None,
        skipped: Sequence[Skipped] = (),
    ) -> None:
        """Combine the columns of a corpus.

        Args:
            text: The text columns.
            labels: The label and tag columns. Default: none.
            skipped: Counts of the text that was skipped or shortened. Default: none.
        """
        self.text = text
        """Text columns, by name; those of documents are `RaggedSentences`."""
        self.labels = labels or {}
        """Label and tag columns, by name."""
        self.skipped = tuple(skipped)
        """Counts of the text that was skipped or shortened."""

    @property
    def sentences(self) -> RaggedSentences:
        """Token ids of documents. Raises TypeError if the records are pairs."""
        (column,) = self.text.values()
        if not isinstance(column, RaggedSentences):
            raise TypeError("the records are pairs, not documents of sentences")
        return column

    @property
    def label_names(self) -> dict[str, tuple[str, ...] | None]:
        """Names of the classes of each label column; None for numbers to predict."""
        return {name: column.names for name, column in self.labels.items()}

    def with_label_names(self, names: Mapping[str, tuple[str, ...] | None]) -> "Tokens":
        """Return the tokens with the classes of other text (see `LabelColumn.with_names`)."""
        labels = {
            name: column.with_names(names[name]) if name in names else column
            for name, column in self.labels.items()
        }
        return Tokens(self.text, labels, self.skipped)

    def counts(self) -> dict[str, int]:
        """Return the number of records, sentences and tokens, by unit, such as "documents"."""
        first = next(iter(self.text.values()))
        if isinstance(first, RaggedSentences):
            return {
                "documents": len(first.documents) - 1,
                "sentences": len(first.offsets) - 1,
                "tokens": len(first.ids),
            }
        tokens = {f"{name} tokens": len(column.ids) for name, column in self.text.items()}
        return {"pairs": len(first.offsets) - 1, **tokens}


def open_tokens(folder: Path, columns: RecordColumns, files: Sequence[str]) -> Tokens | None:
    """Return the tokens in a folder; None if it does not contain a complete, intact store.

    Args:
        folder: The folder of the store.
        columns: The columns of the corpus.
        files: The files of the corpus, in order.
    """
    try:
        meta = read_json(folder / META)
        arrays = {name: ArrayReader(folder / f"{name}.npy") for name in meta["arrays"]}
        if not all(is_intact(arrays[name], meta["arrays"][name]) for name in arrays):
            return None
        text = {name: _text(name, type_, arrays) for name, type_ in text_columns(columns).items()}
        labels = {
            name: _labels(arrays[name], meta["labels"][name], arrays.get(f"{name}_offsets"), files)
            for name in annotation_columns(columns)
        }
        skipped = [
            Skipped(unit, reason, count, location_from_json(location, files))
            for unit, reason, count, location in meta["skipped"]
        ]
        return Tokens(text, labels, skipped)
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


def _text(name: str, column_type: str, arrays: Mapping[str, ArrayReader]) -> RaggedText:
    ids, offsets = arrays[f"{name}_ids"], arrays[f"{name}_offsets"]
    if column_type == "sentences":
        return RaggedSentences(ids, offsets, arrays[f"{name}_documents"])
    return RaggedText(ids, offsets)


def _labels(
    values: ArrayReader, stored: list, offsets: ArrayReader | None, files: Sequence[str]
) -> LabelColumn:
    distinct = labels_from_json(stored, files)
    return LabelColumn(values, label_names(distinct), tuple(distinct), offsets)


def location_to_json(location: SourceLocation | None, files: Sequence[str]) -> list | None:
    """Return a location as JSON: [file, line]. A file of the corpus is given by its index."""
    if location is None:
        return None
    file = location.file
    return [files.index(file) if file in files else file, location.line]


def location_from_json(stored: list | None, files: Sequence[str]) -> SourceLocation | None:
    """Return a location from the output of `location_to_json`."""
    return None if stored is None else _location(stored, files)


def _location(stored: list, files: Sequence[str]) -> SourceLocation:
    file, line = stored
    return SourceLocation(files[file] if isinstance(file, int) else file, line)


def labels_to_json(labels: Sequence[DistinctLabel], files: Sequence[str]) -> list:
    """Return distinct labels as JSON: a list of [label, location]."""
    return [[distinct.label, location_to_json(distinct.location, files)] for distinct in labels]


def labels_from_json(stored: list, files: Sequence[str]) -> list[DistinctLabel]:
    """Return distinct labels from the output of `labels_to_json`."""
    return [DistinctLabel(label, _location(location, files)) for label, location in stored]
