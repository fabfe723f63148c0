"""Token ids on disk: made once for a text and its tokenizers, gone on with where that was cut."""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar

import numpy as np

from archbuilder.mistake import UserMistake
from archbuilder.text.corpus.reading import Reading
from archbuilder.text.stored import Growing, Stored
from archbuilder.text.workers import WORTH_IT, Arrays, Job, cores, encoded

FORMAT = 3
"""To be raised with every change of what is written, or of how text is read."""
CHUNK, CHARACTERS = 10_000, 2**21
"""Sentences, or pairs, and characters that are tokenised together, at most but for one item."""
SETTLE = 20
"""Seconds of work after which what was done is made safe."""
NO_TOKENS = "the tokenizer finds no token in the text of data"
DONE, PROGRESS = "meta.json", "progress.json"


def cache_root() -> Path:
    """Where caches lie: $ARCHBUILDER_CACHE, or ~/.cache/archbuilder."""
    return Path(os.environ.get("ARCHBUILDER_CACHE") or Path.home() / ".cache" / "archbuilder")


class Tokens:
    """The ids of a text, as arrays on disk; `left_out` says what of the text is not in them."""

    arrays: tuple[str, ...]

    def __init__(self, left_out: dict, **arrays):
        self.left_out = left_out
        for name in self.arrays:
            setattr(self, name, arrays[name])

    def counts(self) -> dict[str, int]:
        """How much it holds."""
        raise NotImplementedError


class TokenizedDocuments(Tokens):
    """Documents of sentences of ids.

    `ids` [N] holds all tokens, `sentences` [S + 1] where each sentence begins in `ids`, and
    `documents` [D + 1] where each document begins in `sentences`.
    """

    arrays = ("ids", "sentences", "documents")

    def counts(self):
        return {
            "documents": len(self.documents) - 1,
            "sentences": len(self.sentences) - 1,
            "tokens": len(self.ids),
        }


class TokenizedPairs(Tokens):
    """Sources and targets as ids, with where each begins."""

    arrays = ("source_ids", "source_offsets", "target_ids", "target_offsets")

    def counts(self):
        return {
            "pairs": len(self.source_offsets) - 1,
            "source tokens": len(self.source_ids),
            "target tokens": len(self.target_ids),
        }


def cached(corpus, vocabularies, root: Path, progress: Callable[[int], None] | None = None):
    """The tokens of a corpus: found in the cache, or put there.

    `vocabularies` are those of the source and of the target; documents are a source. Keyed by the
    text, the tokenizers and the cache's format, so that nothing stale is ever found; what is not
    complete is gone on with, what is not as it was written is made again. `progress` is called
    with the bytes of text that are done. Raises `UserMistake` where the text is changed meanwhile:
    it would not be that of the key.
    """
    kind, writer = _KINDS[corpus.form]
    stamps = corpus.stamps()
    vocabularies = vocabularies[:1] if corpus.form == "documents" else vocabularies
    digests = " ".join(vocabulary.digest for vocabulary in vocabularies)
    key = f"{FORMAT} {kind.__name__} {corpus.fingerprint()} {digests}"
    folder = root / hashlib.sha256(key.encode()).hexdigest()[:32]
    found = _open(folder, kind, list(stamps))
    if found is not None:
        return found
    try:
        with _alone(folder.with_name(f"{folder.name}.part")) as part:
            found = _open(folder, kind, list(stamps))  # Another process may have made it meanwhile.
            if found is not None:
                return found
            try:
                with ExitStack() as files:
                    work = writer(part, vocabularies, files)
                    _write(work, corpus, stamps, progress or (lambda done: None))
            except UserMistake:  # Mended, it will be another text.
                shutil.rmtree(part, ignore_errors=True)
                raise
            _finish(part, folder)
    except OSError as error:
        raise UserMistake(
            f"{folder}: the token cache cannot be written ({error.strerror}); "
            "what is done is kept, and the same command goes on from there"
        ) from error
    found = _open(folder, kind, list(stamps))
    if found is None:
        raise UserMistake(f"{folder}: the token cache cannot be read again")
    return found


def _open(folder: Path, kind, files: list[str]):
    try:
        about = _noted(folder / DONE)
        arrays = {name: Stored(folder / f"{name}.npy") for name in kind.arrays}
        whole = all(_is_as_written(array, about["arrays"][name]) for name, array in arrays.items())
        left_out = {
            reason: [count, place if isinstance(place, str) else f"{files[place[0]]}:{place[1]}"]
            for reason, (count, place) in about["left_out"].items()
        }
        return kind(left_out, **arrays) if whole else None
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


def _is_as_written(array: Stored, written: list, more: bool = False) -> bool:
    """Whether a file has the values that were noted of it, with `more` behind them or without."""
    dtype, length, checksum = written
    long_enough = len(array) >= length if more else len(array) == length
    return array.dtype.str == dtype and long_enough and array.checksum(length) == checksum


def _note(path: Path, content: dict) -> None:
    """Write a file that `_noted` reads, on the disk when this returns, and never by halves."""
    text = json.dumps(content)
    temporary = path.with_name(f".{path.name}")
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(f"{text}\n{hashlib.sha256(text.encode()).hexdigest()}\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _noted(path: Path) -> dict:
    """What was noted in a file; raises `ValueError` where that is not as it was written."""
    text, _, digest = path.read_text(encoding="utf-8").partition("\n")
    if digest != f"{hashlib.sha256(text.encode()).hexdigest()}\n":
        raise ValueError(f"{path} is damaged")
    return json.loads(text)


@contextmanager
def _alone(part: Path) -> Iterator[Path]:
    """The folder of what is half done, held so that only one process works there."""
    part.mkdir(parents=True, exist_ok=True)
    held = os.open(part, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        part.mkdir(exist_ok=True)  # The process that was waited for has put it in its place.
        yield part
    finally:
        os.close(held)
        with suppress(OSError):  # Nothing was left to be done, or something is left to go on with.
            part.rmdir()


def _write(writer: "_Writer", corpus, stamps: dict, progress) -> None:
    reading, settled = Reading(), monotonic()
    processes = cores() if (corpus.total_bytes() or WORTH_IT) >= WORTH_IT else 1
    for chunk, arrays in encoded(writer.jobs(corpus, reading), writer.vocabularies, processes):
        writer.add(chunk, arrays)
        if monotonic() - settled > SETTLE:
            corpus.check_unchanged(stamps)
            writer.settle()
            settled = monotonic()
        progress(reading.bytes)
    left_out = {
        reason: [one.count, _numbered(one.first, list(stamps))]
        for reason, one in reading.left_out.items()
    }
    corpus.check_unchanged(stamps)
    writer.settle(left_out)
    if not writer.count:
        raise UserMistake(NO_TOKENS)


def _numbered(place: str, files: list[str]) -> str | list:
    """A place with its file's number, as the same text may lie elsewhere the next time."""
    file, _, line = place.rpartition(":")
    return [files.index(file), int(line)] if file in files else place


def _finish(part: Path, folder: Path) -> None:
    """Note that all of it is done, and put the folder in its place."""
    _note(part / DONE, _noted(part / PROGRESS))
    shutil.rmtree(folder, ignore_errors=True)  # Damaged, or it would have been found.
    os.rename(part, folder)


class _Writer:
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
        self.arrays: dict[str, Growing] = {}
        for name, dtype in self.dtypes.items():
            dtype = dtype or ("uint16" if next(sizes) <= 2**16 else "uint32")
            _, length, checksum = state["arrays"].get(name, (dtype, 0, 0))
            array = Growing(part / f"{name}.npy", dtype, length, checksum)
            files.callback(array.close)
            self.arrays[name] = array
            if not length and not name.endswith("ids"):
                array.add([0])

    def _settled(self) -> dict:
        try:
            state = _noted(self.part / PROGRESS)
            for name, written in state["arrays"].items():
                if not _is_as_written(Stored(self.part / f"{name}.npy"), written, more=True):
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
        _note(self.part / PROGRESS, state)

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


class _DocumentsWriter(_Writer):
    """`count` is the sentences written, `mark` those of them in finished documents."""

    without_tokens = "sentences without tokens"
    dtypes: ClassVar = {"ids": None, "sentences": "int64", "documents": "int64"}

    def items(self, corpus, reading):
        return (
            (line, place == len(document))
            for document in corpus.documents(reading)
            for place, line in enumerate(document, start=1)
        )

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


class _PairsWriter(_Writer):
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


_KINDS = {
    "documents": (TokenizedDocuments, _DocumentsWriter),
    "pairs": (TokenizedPairs, _PairsWriter),
}
