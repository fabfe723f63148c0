"""Cache of token ids on disk; an interrupted build is resumed."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic

from archbuilder.errors import UserError
from archbuilder.files import locked
from archbuilder.text.corpus import ByteCounter, SkipLog, TextSource
from archbuilder.text.encoding_workers import MIN_BYTES_FOR_WORKERS, encode_jobs, num_cores
from archbuilder.text.record import text_columns
from archbuilder.text.token_store import Tokens, open_tokens
from archbuilder.text.token_writer import FORMAT, TokenWriter, remove_unfinished_labels
from archbuilder.text.vocabularies import Vocabularies
from archbuilder.text.vocabulary import Vocabulary

FLUSH_SECONDS = 20
"""Seconds between two flushes of finished work to the disk."""
NO_TOKENS = "the tokenizer produces no tokens for this text"


def cache_root() -> Path:
    """Return the folder of all caches: $ARCHBUILDER_CACHE, or ~/.cache/archbuilder."""
    return Path(os.environ.get("ARCHBUILDER_CACHE") or Path.home() / ".cache" / "archbuilder")


def load_or_create_tokens(
    corpus: TextSource,
    vocabularies: Vocabularies,
    root: Path,
    progress: Callable[[int], None] = lambda done: None,
) -> Tokens:
    """Return the tokens of a corpus, from the cache if it contains them.

    The cache key is a hash of the text, the tokenizers and the format of the cache, so that
    outdated tokens are never used. An incomplete entry is resumed, and a damaged one is replaced.

    Args:
        corpus: The text.
        vocabularies: The vocabularies of source and target; documents use the source's.
        root: The folder of the cache.
        progress: Called with the number of bytes read so far. Default: no reports.

    Raises:
        UserError: The text cannot be read or changes meanwhile, or the cache cannot be written.
    """
    stamps = corpus.stamps()
    columns, files = corpus.record_columns(), list(stamps)
    by_column = vocabularies.by_column(text_columns(columns))
    digests = (vocabulary.digest for vocabulary in by_column.values())
    key = " ".join([str(FORMAT), *columns, corpus.fingerprint(), *digests])
    folder = root / hashlib.sha256(key.encode()).hexdigest()[:32]
    tokens = open_tokens(folder, columns, files)
    if tokens is not None:
        return tokens
    try:
        _create_store(folder, corpus, by_column, stamps, progress)
    except OSError as error:
        raise UserError(
            f"{folder}: the token cache cannot be written ({error.strerror}); "
            "finished work is saved, so repeat the command to resume"
        ) from error
    tokens = open_tokens(folder, columns, files)
    if tokens is None:
        raise UserError(f"{folder}: the token cache cannot be read after writing it")
    return tokens


def _create_store(
    folder: Path,
    corpus: TextSource,
    by_column: Mapping[str, Vocabulary],
    stamps: dict,
    progress: Callable[[int], None],
) -> None:
    """Write the tokens of a corpus, unless another process writes them first."""
    columns, files = corpus.record_columns(), list(stamps)
    with _unfinished_folder(folder.with_name(f"{folder.name}.part")) as unfinished:
        if open_tokens(folder, columns, files) is not None:
            return
        try:
            with ExitStack() as stack:
                writer = TokenWriter(unfinished, columns, by_column, files, stack)
                _write(writer, corpus, stamps, progress)
        except UserError:  # Once the error is fixed, the text differs, and so does its key.
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)  # A folder that did not open is damaged.
        os.rename(unfinished, folder)
        remove_unfinished_labels(folder, columns)


@contextmanager
def _unfinished_folder(part: Path) -> Iterator[Path]:
    """Create the folder of an unfinished cache, and lock it against other processes."""
    with locked(part.with_name(f".{part.name}.lock")):
        part.mkdir(exist_ok=True)
        try:
            yield part
        finally:
            with suppress(OSError):  # It is renamed, or contains work to resume.
                part.rmdir()


def _write(
    writer: TokenWriter, corpus: TextSource, stamps: dict, progress: Callable[[int], None]
) -> None:
    skip_log, byte_counter, flushed = SkipLog(), ByteCounter(), monotonic()
    processes = (
        num_cores()
        if (corpus.total_bytes() or MIN_BYTES_FOR_WORKERS) >= MIN_BYTES_FOR_WORKERS
        else 1
    )
    jobs = writer.jobs(corpus.records(skip_log, byte_counter))
    for chunk, arrays in encode_jobs(jobs, list(writer.vocabularies.values()), processes):
        writer.append(chunk, arrays)
        if monotonic() - flushed > FLUSH_SECONDS:
            corpus.check_unchanged(stamps)
            writer.flush()
            flushed = monotonic()
        progress(byte_counter.count)
    corpus.check_unchanged(stamps)
    if not writer.rows:
        raise UserError(NO_TOKENS)
    writer.finish(skip_log.skipped())
