"""Writer of the tokens of a corpus, in chunks; it can be resumed after an interruption."""

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
"""Version of the format; it increases with each change of the files or of reading text."""
CHUNK, CHARACTERS = 10_000, 2**21
"""Maximum numbers of rows and characters in a chunk; the last row may exceed the latter."""
PROGRESS = "progress.json"
"""File that records the valid length of each array."""

Row = tuple
"""Line of each text column, and whether the row is the last one of its record. If the corpus has
labels, also the index of the row in its record, and the record.

A row is a sentence of a document, or a pair. Rows without a record are not tracked by the garbage
collector, which saves much time.
"""


class Chunk(NamedTuple):
    """Properties of consecutive rows that are stored with their lines."""

    is_last: Sequence[bool]
    """Whether each row is the last of its record."""
    indices: Sequence[int] = ()
    """Index of each row in its record, if the corpus has labels."""
    records: Sequence[Record] = ()
    """Record of each row, if the corpus has labels."""


class TokenWriter:
    """Writer that appends chunks to arrays; flushed chunks survive an interruption."""

    def __init__(
        self,
        folder: Path,
        columns: RecordColumns,
        vocabularies: Mapping[str, Vocabulary],
        files: Sequence[str],
        stack: ExitStack,
    ) -> None:
        """Open the arrays in a folder, and resume writing if they are valid.

        Args:
            folder: The folder to write to.
            columns: The columns of the corpus.
            vocabularies: The vocabulary of each text column.
            files: The files of the corpus, in order.
            stack: The context that closes the arrays.
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
                array.append([0])
        self.labels = {
            name: LabelWriter(
                self.arrays[f"{name}_codes"],
                self.arrays.get(f"{name}_numbers"),
                labels_from_json(state["labels"].get(name, []), files),
            )
            for name in annotation_columns(columns)
        }

    def _dtypes(self) -> dict[str, str]:
        """Return the type of each array; ids have the smallest sufficient type."""
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
            for name, recorded in state["arrays"].items():
                array = ArrayReader(self.folder / f"{name}.npy")
                if not is_intact(array, recorded, allow_longer=True):
                    raise ValueError(name)
            if state["format"] == _layout() and set(state["arrays"]) == set(dtypes):
                return state
        except (OSError, ValueError, KeyError, TypeError):
            pass
        counts = dict.fromkeys(("chunks", "rows", "finished_rows", "without_tokens"), 0)
        return {**counts, "arrays": {}, "labels": {}}

    def jobs(self, records: Iterable[Record]) -> Iterator[Job]:
        """Yield each chunk that is not written yet, with the lines for each vocabulary."""
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

    def append(self, chunk: Chunk, arrays: Arrays) -> None:
        """Append a chunk, without empty rows and empty records.

        Args:
            chunk: The rows.
            arrays: Their token ids, for each text column.
        """
        # A pair with an empty side cannot be used, so both columns must have tokens.
        is_used = np.all([lengths > 0 for _, lengths in arrays], axis=0)
        for name, (ids, lengths) in zip(self.vocabularies, arrays, strict=True):
            array = self.arrays[f"{name}_ids"]
            self.arrays[f"{name}_offsets"].append(array.length + np.cumsum(lengths[is_used]))
            array.append(ids if is_used.all() else ids[np.repeat(is_used, lengths)])
        rows = self.rows + np.cumsum(is_used)
        finished = np.array(chunk.is_last)
        ends = rows[finished]
        has_rows = np.diff(ends, prepend=self.finished_rows) > 0
        if self._has_sentences:
            for name in self.vocabularies:
                self.arrays[f"{name}_documents"].append(ends[has_rows])
        if self.labels:
            self._append_annotations(chunk, is_used, np.flatnonzero(finished)[has_rows])
        self.chunks, self.rows = self.chunks + 1, int(rows[-1])
        self.without_tokens += int((~is_used).sum())
        self.finished_rows = int(ends[-1]) if len(ends) else self.finished_rows

    def _append_annotations(self, chunk: Chunk, is_used: np.ndarray, last_rows: np.ndarray) -> None:
        """Append the tags of used rows, and the labels of the records that end at `last_rows`."""
        for name, kind in annotation_columns(self.columns).items():
            if kind == "label":
                records = [chunk.records[row] for row in last_rows.tolist()]
                labels = [(record.columns[name], record.location) for record in records]
                self.labels[name].append(labels)
                continue
            words = [
                (record.columns[name][index], record.location)
                for index, record, used in zip(chunk.indices, chunk.records, is_used, strict=True)
                if used
            ]
            num_written = self.arrays[f"{name}_codes"].length
            ends = num_written + np.cumsum([len(tags) for tags, _ in words], dtype="int64")
            self.arrays[f"{name}_offsets"].append(ends)
            self.labels[name].append((tag, location) for tags, location in words for tag in tags)

    def flush(self, skipped: Sequence[Skipped] | None = None) -> None:
        """Write everything to the disk: first the arrays, then their valid lengths.

        Args:
            skipped: The text that the corpus skipped. Default: the corpus is not finished.
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
            [item.unit, item.reason, item.count, location_to_json(item.first_at, self.files)]
            for item in skipped
        ]

    def finish(self, skipped: Sequence[Skipped]) -> None:
        """Flush, convert the labels, and write the file that completes the store.

        Args:
            skipped: The text that the corpus skipped.
        """
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
    """Remove the intermediate label files from a complete store."""
    for name in annotation_columns(columns):
        for suffix in ("codes", "numbers"):
            (folder / f"{name}_{suffix}.npy").unlink(missing_ok=True)


def _layout() -> list[int]:
    """Return the settings that determine the chunks of a text."""
    return [FORMAT, CHUNK, CHARACTERS]


def _chunks(rows: Iterable[Row], num_columns: int) -> Iterator[list[Row]]:
    """Yield lists of `CHUNK` rows, or of fewer rows that have `CHARACTERS` characters together."""
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
