"""Token ids on disk: made once for a text and a tokenizer, then mapped into memory."""

import hashlib
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path

import numpy as np

from archbuilder.mistake import UserMistake

FORMAT = 1
CHUNK = 10_000
"""Sentences tokenised together."""
NO_TOKENS = "the tokenizer finds no token in the text of data"
ATTEMPTS = 3
"""Times to look again where other processes put the same tokens there."""
DONE = "meta.json"


def cache_root() -> Path:
    """Where caches lie: $ARCHBUILDER_CACHE, or ~/.cache/archbuilder."""
    return Path(os.environ.get("ARCHBUILDER_CACHE") or Path.home() / ".cache" / "archbuilder")


class TokenizedDocuments:
    """Documents of sentences of ids.

    `ids` [N] holds all tokens, `sentences` [S + 1] where each sentence begins in `ids`, and
    `documents` [D + 1] where each document begins in `sentences`.
    """

    arrays = ("ids", "sentences", "documents")

    def __init__(self, **arrays: np.ndarray):
        self.ids, self.sentences, self.documents = (arrays[name] for name in self.arrays)


class TokenizedPairs:
    """Sources and targets as ids, with where each begins."""

    arrays = ("source_ids", "source_offsets", "target_ids", "target_offsets")

    def __init__(self, **arrays: np.ndarray):
        self.source_ids, self.source_offsets, self.target_ids, self.target_offsets = (
            arrays[name] for name in self.arrays
        )


def cached(corpus, vocabulary, root: Path, progress: Callable[[int], None] | None = None):
    """The tokens of a corpus: found in the cache, or put there.

    Keyed by the text, the tokenizer and the cache's format, so that nothing stale is ever found; a
    folder that is not complete, or not as it was written, is made again. `progress` is called with
    the number of sentences, or pairs, that are done.
    """
    parallel = corpus.form == "pairs"
    kind = TokenizedPairs if parallel else TokenizedDocuments
    key = f"{FORMAT} {kind.__name__} {corpus.fingerprint()} {vocabulary.digest}"
    folder = root / hashlib.sha256(key.encode()).hexdigest()[:32]
    write = _write_pairs if parallel else _write_documents
    for _ in range(ATTEMPTS):
        found = _open(folder, kind)
        if found is not None:
            return found
        try:
            _make(folder, kind, write, corpus, vocabulary, progress or (lambda done: None))
        except OSError as error:
            raise UserMistake(f"{folder}: the token cache cannot be written ({error})") from error
    found = _open(folder, kind)
    if found is None:
        raise UserMistake(f"{folder}: the token cache cannot be read again")
    return found


def _open(folder: Path, kind):
    try:
        files = json.loads((folder / DONE).read_text(encoding="utf-8"))["files"]
        paths = {name: folder / f"{name}.npy" for name in kind.arrays}
        if any(path.stat().st_size != files[name]["bytes"] for name, path in paths.items()):
            return None
        if any(_checksum(path) != files[name]["crc32"] for name, path in paths.items()):
            return None
        return kind(**{name: np.load(path, mmap_mode="r") for name, path in paths.items()})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _checksum(path: Path) -> int:
    """CRC-32: it finds accidents at a gigabyte a second or more, and no one forges tokens."""
    found = 0
    with open(path, "rb") as file:
        while block := file.read(2**20):
            found = zlib.crc32(block, found)
    return found


def _make(folder: Path, kind, write, corpus, vocabulary, progress) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        ids = np.dtype("uint16" if vocabulary.size <= 2**16 else "uint32")
        with ExitStack() as files:
            arrays = {}
            for name in kind.arrays:
                raw = files.enter_context(open(temporary / f"{name}.raw", "wb"))
                arrays[name] = _Growing(raw, ids if name.endswith("ids") else np.dtype("int64"))
            write(arrays, corpus, vocabulary, progress)
        paths = {name: temporary / f"{name}.npy" for name in arrays}
        about = {
            name: {"bytes": array.finish(paths[name]), "crc32": _checksum(paths[name])}
            for name, array in arrays.items()
        }
        with open(temporary / DONE, "w", encoding="utf-8") as file:
            json.dump({"format": FORMAT, "files": about}, file)
            file.flush()
            os.fsync(file.fileno())
        if _open(folder, kind) is None:  # Else another process was faster, with the same content.
            _replace(folder, temporary)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _replace(folder: Path, temporary: Path) -> None:
    """Put what was made in its place; what is damaged there is moved away first, whole."""
    damaged = temporary.with_name(f"{temporary.name}.damaged")
    with suppress(FileNotFoundError):
        os.rename(folder, damaged)
    try:
        os.rename(temporary, folder)
    except OSError:
        if not folder.exists():  # Else another process was faster here.
            raise
    finally:
        shutil.rmtree(damaged, ignore_errors=True)


def _write_documents(arrays, corpus, vocabulary, progress) -> None:
    sentences, documents = 0, [0]
    done = 0
    arrays["sentences"].add([0])
    position = 0
    marked = ((line, last) for document in corpus.documents() for line, last in _ends(document))
    kept = 0
    for chunk in _chunks(marked):
        encoded = vocabulary.encode([line for line, _ in chunk])
        ends = []
        for ids, (_, last) in zip(encoded, chunk, strict=True):
            if ids:
                position += len(ids)
                ends.append(position)
                sentences, kept = sentences + 1, kept + 1
            if last and kept:
                documents.append(sentences)
                kept = 0
        arrays["ids"].add([i for ids in encoded for i in ids])
        arrays["sentences"].add(ends)
        progress(done := done + len(chunk))
    if not sentences:
        raise UserMistake(NO_TOKENS)
    arrays["documents"].add(documents)


def _write_pairs(arrays, corpus, vocabulary, progress) -> None:
    position = {"source": 0, "target": 0}
    for side in position:
        arrays[f"{side}_offsets"].add([0])
    done = 0
    for chunk in _chunks(corpus.pairs()):
        sources, targets = (vocabulary.encode(list(lines)) for lines in zip(*chunk, strict=True))
        # A side without tokens has nothing to read or to write, as an empty line has.
        kept = [pair for pair in zip(sources, targets, strict=True) if all(pair)]
        for place, side in enumerate(position):
            encoded = [pair[place] for pair in kept]
            ends = position[side] + np.cumsum([len(ids) for ids in encoded], dtype="int64")
            position[side] += sum(len(ids) for ids in encoded)
            arrays[f"{side}_ids"].add([i for ids in encoded for i in ids])
            arrays[f"{side}_offsets"].add(ends)
        progress(done := done + len(chunk))
    if not position["source"]:
        raise UserMistake(NO_TOKENS)


def _ends(document: list[str]) -> Iterator[tuple[str, bool]]:
    """Each sentence, and whether it is its document's last."""
    for place, line in enumerate(document, start=1):
        yield line, place == len(document)


def _chunks(items: Iterable) -> Iterator[list]:
    items = iter(items)
    while chunk := list(islice(items, CHUNK)):
        yield chunk


class _Growing:
    """A .npy file that grows, so that a text larger than memory can be tokenised."""

    def __init__(self, raw, dtype: np.dtype):
        self.raw, self.dtype, self.length = raw, dtype, 0

    def add(self, values) -> None:
        array = np.asarray(values, dtype=self.dtype)
        self.raw.write(array.tobytes())
        self.length += len(array)

    def finish(self, path: Path) -> int:
        """Put the header before the values; the size of the file in bytes."""
        header = {"descr": self.dtype.str, "fortran_order": False, "shape": (self.length,)}
        with open(path, "wb") as file, open(self.raw.name, "rb") as values:
            np.lib.format.write_array_header_1_0(file, header)
            shutil.copyfileobj(values, file)
            file.flush()
            os.fsync(file.fileno())
        os.unlink(self.raw.name)
        return path.stat().st_size
