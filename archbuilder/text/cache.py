"""Token ids on disk: made once for a text and its tokenizers, gone on with where that was cut."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic

from archbuilder.errors import UserError
from archbuilder.files import locked, read_json, write_json
from archbuilder.text.array_file import ArrayReader, is_as_written
from archbuilder.text.corpus.reading import Reading
from archbuilder.text.encoding_workers import WORTH_IT, cores, encoded
from archbuilder.text.token_writer import FORMAT, PROGRESS, DocumentsWriter, PairsWriter, Writer

SETTLE = 20
"""Seconds of work after which what was done is made safe."""
NO_TOKENS = "the tokenizer finds no token in the text of data"
DONE = "meta.json"


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
    with the bytes of text that are done. Raises `UserError` where the text is changed meanwhile:
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
            except UserError:  # Mended, it will be another text.
                shutil.rmtree(part, ignore_errors=True)
                raise
            _finish(part, folder)
    except OSError as error:
        raise UserError(
            f"{folder}: the token cache cannot be written ({error.strerror}); "
            "what is done is kept, and the same command goes on from there"
        ) from error
    found = _open(folder, kind, list(stamps))
    if found is None:
        raise UserError(f"{folder}: the token cache cannot be read again")
    return found


def _open(folder: Path, kind, files: list[str]):
    try:
        about = read_json(folder / DONE)
        arrays = {name: ArrayReader(folder / f"{name}.npy") for name in kind.arrays}
        whole = all(is_as_written(array, about["arrays"][name]) for name, array in arrays.items())
        left_out = {
            reason: [count, place if isinstance(place, str) else f"{files[place[0]]}:{place[1]}"]
            for reason, (count, place) in about["left_out"].items()
        }
        return kind(left_out, **arrays) if whole else None
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


@contextmanager
def _alone(part: Path) -> Iterator[Path]:
    """Create the folder of an unfinished cache, and lock it against other processes."""
    with locked(part.with_name(f".{part.name}.lock")):
        part.mkdir(exist_ok=True)
        try:
            yield part
        finally:
            with suppress(OSError):  # Nothing was left to do, or something is left to resume.
                part.rmdir()


def _write(writer: Writer, corpus, stamps: dict, progress) -> None:
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
        raise UserError(NO_TOKENS)


def _numbered(place: str, files: list[str]) -> str | list:
    """A place with its file's number, as the same text may lie elsewhere the next time."""
    file, _, line = place.rpartition(":")
    return [files.index(file), int(line)] if file in files else place


def _finish(part: Path, folder: Path) -> None:
    """Note that all of it is done, and put the folder in its place."""
    write_json(part / DONE, read_json(part / PROGRESS))
    shutil.rmtree(folder, ignore_errors=True)  # Damaged, or it would have been found.
    os.rename(part, folder)


_KINDS = {
    "documents": (TokenizedDocuments, DocumentsWriter),
    "pairs": (TokenizedPairs, PairsWriter),
}
