"""The tokens of a corpus on the way to disk: written in chunks, resumed after an interruption."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from archbuilder.files import read_json, write_json
from archbuilder.text.array_file import ArrayReader, ArrayWriter, is_intact
from archbuilder.text.encoding_workers import Arrays, Job
from archbuilder.text.label_writer import LabelWriter, write_final_labels
from archbuilder.text.record import (
    Record,
    RecordColumns,
    annotation_columns,
    has_sentences,
)
from archbuilder.text.skipped import Skipped
from archbuilder.text.token_store import (
    META,
    labels_from_json,
    labels_to_json,
    location_to_json,
)
from archbuilder.text.vocabulary import Vocabulary

FORMAT = 5
"""Raised with every change of what is written, or of how text is read."""
CHUNK, CHARACTERS = 10_000, 2**21
"""Rows, and characters, that are tokenized together, exceeded by one row at most."""
PROGRESS = "progress.json"
"""Records how much of the arrays is valid."""

Row = tuple
"""A line of each text column, and whether the row is the last of its record; where there are
labels, also the number of the row in its record, and the record.

A sentence of a document is a row, and so is a pair. Without a record the garbage collector does not
visit the rows of a chunk, which saves much time.
"""


class Chunk(NamedTuple):
    """What is written of consecutive rows beside their lines."""

    is_last: Sequence[bool]
    """Whether each row is the last of its record."""
    indices: Sequence[int] = ()
    """The number of each row in its record, where there are labels."""
    records: Sequence[Record] = ()
    """The record of each row, where there are labels."""


class TokenWriter:
    """Arrays that grow chunk by chunk; what was flushed is valid after an interruption."""

    def __init__(
        self,
        folder: Path,
        columns: RecordColumns,
        vocabularies: Mapping[str, Vocabulary],
        files: Sequence[str],
        stack: ExitStack,
    ):
        """Open the arrays in a folder, and resume if they are valid.

        Args:
            folder: The folder to write to.
            columns: The columns of the corpus.
            vocabularies: The vocabulary of each text column.
            files: The files of the corpus, in order.
            stack: Closes the arrays.
        """
        self.folder, self.columns, self.files = folder, columns, files
        self.vocabularies = vocabularies
        self._has_sentences = has_sentences(columns)
        dtypes = self._dtypes()
        state = self._resumable_state(dtypes)
        self.chunks, self.rows = state["chunks"], state["rows"]
        self.finished_rows, self.without_tokens = state["finished_rows"], state["without_tokens"]
        self.arrays: dict[str, ArrayWriter] = {}
        for name, dtype in dtypes.items():
            _, length, checksum = state["arrays"].get(name, (dtype, 0, 0))
            array = ArrayWriter(folder / f"{name}.npy", dtype, length, checksum)
            stack.callback(array.close)
            self.arrays[name] = array
            if not length and name.endswith(("_offsets", "_documents")):
                array.add([0])
        self.labels = {
            name: LabelWriter(
                self.arrays[f"{name}_codes"],
                self.arrays.get(f"{name}_numbers"),
                labels_from_json(state["labels"].get(name, []), files),
            )
            for name in annotation_columns(columns)
        }

    def _dtypes(self) -> dict[str, str]:
        """Return the type of each array; ids have the smallest that holds them."""
        dtypes = {}
        for name, vocabulary in self.vocabularies.items():
            dtypes[f"{name}_ids"] = "uint16" if vocabulary.size <= 2**16 else "uint32"
            dtypes[f"{name}_offsets"] = "int64"
            if self._has_sentences:
                dtypes[f"{name}_documents"] = "int64"
        for name, kind in annotation_columns(self.columns).items():
            dtypes[f"{name}_codes"] = "int32"
            if kind == "label":
                dtypes[f"{name}_numbers"] = "float64"
            else:
                dtypes[f"{name}_offsets"] = "int64"
        return dtypes

    def _resumable_state(self, dtypes: Mapping[str, str]) -> dict[str, Any]:
        try:
            state = read_json(self.folder / PROGRESS)
            for name, written in state["arrays"].items():
                array = ArrayReader(self.folder / f"{name}.npy")
                if not is_intact(array, written, more=True):
                    raise ValueError(name)
            if state["format"] == _layout() and set(state["arrays"]) == set(dtypes):
                return state
        except (OSError, ValueError, KeyError, TypeError):
            pass
        counts = dict.fromkeys(("chunks", "rows", "finished_rows", "without_tokens"), 0)
        return {**counts, "arrays": {}, "labels": {}}

    def jobs(self, records: Iterable[Record]) -> Iterator[Job]:
        """Yield each chunk that is not written yet, with its lines for each vocabulary."""
        done, num_columns = self.chunks, len(self.vocabularies)
        for number, rows in enumerate(_chunks(self._rows(records), num_columns)):
            if number >= done:
                columns = [[row[column] for row in rows] for column in range(len(rows[0]))]
                yield Chunk(*columns[num_columns:]), columns[:num_columns]

    def _rows(self, records: Iterable[Record]) -> Iterator[Row]:
        names, is_labeled = tuple(self.vocabularies), bool(self.labels)
        if not self._has_sentences:
            for record in records:
                lines = [record.columns[name] for name in names]
                yield (*lines, True, 0, record) if is_labeled else (*lines, True)
            return
        (name,) = names
        with_separator = self.vocabularies[name].with_separator
        for record in records:
            sentences = record.columns[name]
            last = len(sentences) - 1
            for index, line in enumerate(sentences):
                is_last = index == last
                line = with_separator(line, index == 0, is_last)
                yield (line, is_last, index, record) if is_labeled else (line, is_last)

    def add(self, chunk: Chunk, arrays: Arrays) -> None:
        """Write a chunk; rows without tokens, and records without rows, are skipped."""
        # A pair with an empty side has nothing to read or to write.
        kept = np.all([lengths > 0 for _, lengths in arrays], axis=0)
        for name, (ids, lengths) in zip(self.vocabularies, arrays, strict=True):
            array = self.arrays[f"{name}_ids"]
            self.arrays[f"{name}_offsets"].add(array.length + np.cumsum(lengths[kept]))
            array.add(ids if kept.all() else ids[np.repeat(kept, lengths)])
        rows = self.rows + np.cumsum(kept)
        finished = np.array(chunk.is_last)
        ends = rows[finished]
        has_rows = np.diff(ends, prepend=self.finished_rows) > 0
        if self._has_sentences:
            for name in self.vocabularies:
                self.arrays[f"{name}_documents"].add(ends[has_rows])
        if self.labels:
            self._add_annotations(chunk, kept, np.flatnonzero(finished)[has_rows])
        self.chunks, self.rows = self.chunks + 1, int(rows[-1])
        self.without_tokens += int((~kept).sum())
        self.finished_rows = int(ends[-1]) if len(ends) else self.finished_rows

    def _add_annotations(self, chunk: Chunk, kept: np.ndarray, last_rows: np.ndarray) -> None:
        """Write the tags of rows that are kept, and the labels of records by their last rows."""
        for name, kind in annotation_columns(self.columns).items():
            if kind == "label":
                records = [chunk.records[row] for row in last_rows.tolist()]
                self.labels[name].add([(one.columns[name], one.location) for one in records])
                continue
            words = [
                (record.columns[name][index], record.location)
                for index, record, is_kept in zip(chunk.indices, chunk.records, kept, strict=True)
                if is_kept
            ]
            written = self.arrays[f"{name}_codes"].length
            ends = written + np.cumsum([len(tags) for tags, _ in words], dtype="int64")
            self.arrays[f"{name}_offsets"].add(ends)
            self.labels[name].add((tag, location) for tags, location in words for tag in tags)

    def flush(self, skipped: Sequence[Skipped] | None = None) -> None:
        """Make what was written so far durable: first the arrays, then how far they are valid.

        Args:
            skipped: What the corpus skipped, once all of it was read.
        """
        for array in self.arrays.values():
            array.flush()
        counts = ("chunks", "rows", "finished_rows", "without_tokens")
        state: dict[str, Any] = {"format": _layout()}
        state |= {name: getattr(self, name) for name in counts}
        state["arrays"] = {
            name: [array.dtype.str, array.length, array.checksum]
            for name, array in self.arrays.items()
        }
        state["labels"] = {
            name: labels_to_json(labels.distinct, self.files)
            for name, labels in self.labels.items()
        }
        state["skipped"] = None if skipped is None else self._stored_skipped(skipped)
        write_json(self.folder / PROGRESS, state)

    def _stored_skipped(self, skipped: Sequence[Skipped]) -> list:
        if self.without_tokens:
            unit = "sentences" if self._has_sentences else "pairs"
            reason = f"{unit} without tokens"
            if not self._has_sentences:
                reason = "pairs with a side without tokens"
            skipped = [*skipped, Skipped(unit, reason, self.without_tokens)]
        return [
            [one.unit, one.reason, one.count, location_to_json(one.first_at, self.files)]
            for one in skipped
        ]

    def finish(self, skipped: Sequence[Skipped]) -> None:
        """Flush, put the labels in order, and write the file that completes the store."""
        self.flush(skipped)
        meta = read_json(self.folder / PROGRESS)
        for name, labels in self.labels.items():
            del meta["arrays"][f"{name}_codes"]
            has_numbers = meta["arrays"].pop(f"{name}_numbers", None) is not None
            meta["arrays"][name] = write_final_labels(
                self.folder / f"{name}.npy",
                ArrayReader(self.folder / f"{name}_codes.npy"),
                ArrayReader(self.folder / f"{name}_numbers.npy") if has_numbers else None,
                labels.distinct,
            )
        write_json(self.folder / META, meta)


def remove_unfinished_labels(folder: Path, columns: RecordColumns) -> None:
    """Remove the files of labels without order from a complete store."""
    for name in annotation_columns(columns):
        for part in ("codes", "numbers"):
            (folder / f"{name}_{part}.npy").unlink(missing_ok=True)


def _layout() -> list[int]:
    """Return what chunks depend on, beside the text."""
    return [FORMAT, CHUNK, CHARACTERS]


def _chunks(rows: Iterable[Row], num_columns: int) -> Iterator[list[Row]]:
    """Yield the rows in lists of `CHUNK`, or of fewer that have `CHARACTERS` together."""
    chunk, characters, others = [], 0, range(1, num_columns)
    for row in rows:
        chunk.append(row)
        characters += len(row[0])
        for column in others:
            characters += len(row[column])
        if len(chunk) == CHUNK or characters >= CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk
