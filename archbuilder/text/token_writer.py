"""A text's tokens on the way to disk: written chunk by chunk, gone on with where that was cut."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from archbuilder.files import read_json, write_json
from archbuilder.text.array_file import ArrayReader, ArrayWriter, is_as_written
from archbuilder.text.corpus.reading import Reading
from archbuilder.text.encoding_workers import Arrays, Job

FORMAT = 4
"""To be raised with every change of what is written, or of how text is read."""
CHUNK, CHARACTERS = 10_000, 2**21
"""Sentences, or pairs, and characters that are tokenised together, at most but for one item."""
PROGRESS = "progress.json"
"""Where it is noted how far what is written goes."""


class Writer:
    """Arrays that grow chunk by chunk; what is settled is found again after a cut."""

    dtypes: ClassVar[dict[str, str | None]]
    """What is written; the smallest that holds its ids, where None."""
    without_tokens: ClassVar[str]
    """What is left out for having no token."""

    def __init__(self, part: Path, vocabularies, files: ExitStack):
        self.part, self.vocabularies = part, vocabularies
        state = self._settled()
        self.chunks, self.count, self.mark = state["chunks"], state["count"], state["mark"]
        self.empty = state["empty"]
        sizes = iter(vocabulary.size for vocabulary in vocabularies)
        self.arrays: dict[str, ArrayWriter] = {}
        for name, dtype in self.dtypes.items():
            dtype = dtype or ("uint16" if next(sizes) <= 2**16 else "uint32")
            _, length, checksum = state["arrays"].get(name, (dtype, 0, 0))
            array = ArrayWriter(part / f"{name}.npy", dtype, length, checksum)
            files.callback(array.close)
            self.arrays[name] = array
            if not length and not name.endswith("ids"):
                array.add([0])

    def _settled(self) -> dict:
        try:
            state = read_json(self.part / PROGRESS)
            for name, written in state["arrays"].items():
                if not is_as_written(ArrayReader(self.part / f"{name}.npy"), written, more=True):
                    raise ValueError(name)
            if state["format"] == _layout() and set(state["arrays"]) == set(self.dtypes):
                return state
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return {"chunks": 0, "count": 0, "mark": 0, "empty": 0, "arrays": {}}

    def settle(self, left_out: dict | None = None) -> None:
        """Make safe what is done: the arrays first, then the note of how far they go."""
        for array in self.arrays.values():
            array.settle()
        names = ("chunks", "count", "mark", "empty")
        state = {"format": _layout()} | {name: getattr(self, name) for name in names}
        state["arrays"] = {
            name: (one.dtype.str, one.length, one.checksum) for name, one in self.arrays.items()
        }
        if left_out is not None and self.empty:
            left_out = left_out | {self.without_tokens: [self.empty, ""]}
        state["left_out"] = left_out
        write_json(self.part / PROGRESS, state)

    def jobs(self, corpus, reading: Reading) -> Iterator[Job]:
        """Chunk after chunk of the text, but for those that are done, with the lines of each."""
        done = self.chunks
        for number, chunk in enumerate(_chunks(self.items(corpus, reading), self.characters)):
            if number >= done:
                yield chunk, self.lines(chunk)

    def items(self, corpus, reading: Reading) -> Iterable:
        """What a chunk is made of."""
        raise NotImplementedError

    def characters(self, item) -> int:
        """How long an item is."""
        raise NotImplementedError

    def lines(self, chunk: list) -> list[list[str]]:
        """The lines of a chunk for each vocabulary."""
        raise NotImplementedError

    def add(self, chunk: list, arrays: Arrays) -> None:
        """Write the ids of a chunk's lines and where they begin."""
        raise NotImplementedError


def _layout() -> list[int]:
    """What chunks depend on, beside the text."""
    return [FORMAT, CHUNK, CHARACTERS]


def _chunks(items: Iterable, characters: Callable[[Any], int]) -> Iterator[list]:
    """The items in lists of `CHUNK`, or of fewer that have `CHARACTERS` between them."""
    chunk, held = [], 0
    for item in items:
        chunk.append(item)
        held += characters(item)
        if len(chunk) == CHUNK or held >= CHARACTERS:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


class DocumentsWriter(Writer):
    """`count` is the sentences written, `mark` those of them in finished documents."""

    without_tokens = "sentences without tokens"
    dtypes: ClassVar = {"ids": None, "sentences": "int64", "documents": "int64"}

    def items(self, corpus, reading):
        parted = self.vocabularies[0].in_document
        for document in corpus.documents(reading):
            for place, line in enumerate(document, start=1):
                last = place == len(document)
                yield parted(line, place == 1, last), last

    def characters(self, item):
        return len(item[0])

    def lines(self, chunk):
        return [[line for line, _ in chunk]]

    def add(self, chunk, arrays):
        ((ids, lengths),) = arrays
        last = np.array([last for _, last in chunk])
        written = self.arrays["ids"].length + np.cumsum(lengths)
        kept = lengths > 0  # A sentence without a token is none.
        sentences = self.count + np.cumsum(kept)
        ends = np.unique(sentences[last])
        ends = ends[ends > self.mark]  # Nor is a document without a sentence.
        self.arrays["ids"].add(ids)
        self.arrays["sentences"].add(written[kept])
        self.arrays["documents"].add(ends)
        self.chunks, self.count = self.chunks + 1, int(sentences[-1])
        self.empty += int((~kept).sum())
        self.mark = int(ends[-1]) if len(ends) else self.mark


class PairsWriter(Writer):
    """`count` is the pairs written."""

    without_tokens = "pairs with a side without tokens"
    dtypes: ClassVar = {
        "source_ids": None,
        "source_offsets": "int64",
        "target_ids": None,
        "target_offsets": "int64",
    }

    def items(self, corpus, reading):
        return corpus.pairs(reading)

    def characters(self, item):
        return len(item[0]) + len(item[1])

    def lines(self, chunk):
        return [list(lines) for lines in zip(*chunk, strict=True)]

    def add(self, chunk, arrays):
        # A side without tokens has nothing to read or to write, as an empty line has.
        kept = np.all([lengths > 0 for _, lengths in arrays], axis=0)
        for name, (ids, lengths) in zip(("source", "target"), arrays, strict=True):
            array = self.arrays[f"{name}_ids"]
            written = array.length + np.cumsum(lengths[kept])
            array.add(ids[np.repeat(kept, lengths)])
            self.arrays[f"{name}_offsets"].add(written)
        self.chunks, self.count = self.chunks + 1, self.count + int(kept.sum())
        self.empty += int((~kept).sum())
