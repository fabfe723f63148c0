"""Token ids on disk: made once for a text and a tokenizer, then mapped into memory."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import numpy as np

from archbuilder.mistake import UserMistake

FORMAT = 1
CHUNK = 10_000
"""Sentences tokenised together."""
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


def cached(corpus, vocabulary, root: Path):
    """The tokens of a corpus: found in the cache, or put there.

    Keyed by the text, the tokenizer and the cache's format, so that nothing stale is ever found; a
    folder that is not complete is made again.
    """
    parallel = hasattr(corpus, "pairs")
    kind = TokenizedPairs if parallel else TokenizedDocuments
    key = f"{FORMAT} {kind.__name__} {corpus.fingerprint()} {vocabulary.digest}"
    folder = root / hashlib.sha256(key.encode()).hexdigest()[:32]
    found = _open(folder, kind)
    if found is None:
        try:
            _make(folder, kind, _write_pairs if parallel else _write_documents, corpus, vocabulary)
        except OSError as error:
            raise UserMistake(f"{folder}: the token cache cannot be written ({error})") from error
        found = _open(folder, kind)
        if found is None:
            raise UserMistake(f"{folder}: the token cache cannot be read again")
    return found


def _open(folder: Path, kind):
    try:
        sizes = json.loads((folder / DONE).read_text(encoding="utf-8"))["sizes"]
        paths = {name: folder / f"{name}.npy" for name in kind.arrays}
        if any(path.stat().st_size != sizes[name] for name, path in paths.items()):
            return None
        # An array of no bytes cannot be mapped.
        return kind(**{name: np.load(path, mmap_mode="r") for name, path in paths.items()})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _make(folder: Path, kind, write, corpus, vocabulary) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        ids = np.dtype("uint16" if vocabulary.size <= 2**16 else "uint32")
        with ExitStack() as files:
            arrays = {}
            for name in kind.arrays:
                raw = files.enter_context(open(temporary / f"{name}.raw", "wb"))
                arrays[name] = _Growing(raw, ids if name.endswith("ids") else np.dtype("int64"))
            write(arrays, corpus, vocabulary)
        sizes = {name: array.finish(temporary / f"{name}.npy") for name, array in arrays.items()}
        with open(temporary / DONE, "w", encoding="utf-8") as file:
            json.dump({"format": FORMAT, "sizes": sizes}, file)
            file.flush()
            os.fsync(file.fileno())
        shutil.rmtree(folder, ignore_errors=True)
        try:
            os.rename(temporary, folder)
        except OSError:
            if not folder.exists():  # Else another process was faster, with the same content.
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_documents(arrays, corpus, vocabulary) -> None:
    sentences, documents = 0, [0]
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
    arrays["documents"].add(documents)


def _write_pairs(arrays, corpus, vocabulary) -> None:
    position = [0, 0]
    for side in ("source", "target"):
        arrays[f"{side}_offsets"].add([0])
    for chunk in _chunks(corpus.pairs()):
        for place, side in enumerate(("source", "target")):
            encoded = vocabulary.encode([pair[place] for pair in chunk])
            ends = position[place] + np.cumsum([len(ids) for ids in encoded])
            position[place] = int(ends[-1])
            arrays[f"{side}_ids"].add([i for ids in encoded for i in ids])
            arrays[f"{side}_offsets"].add(ends)


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
