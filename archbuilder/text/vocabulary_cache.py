"""Vocabularies of a spec: loaded from a file, or trained once for a text and cached on disk."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from archbuilder.errors import UserError
from archbuilder.files import locked, replace_directory
from archbuilder.text.cache import cache_root
from archbuilder.text.corpus import ByteCounter, TextSource
from archbuilder.text.progress import ProgressListener
from archbuilder.text.tokenizer import Tokenizer, load_vocabulary
from archbuilder.text.tokenizer.tokenizer import LearnedTokenizer, VocabularyTooSmallError
from archbuilder.text.vocabulary import Vocabulary

FORMAT = 1
_LINES_PER_REPORT = 10_000


@dataclass(frozen=True)
class TokenizerRequest:
    """A tokenizer of a spec and the size of the vocabulary that the model needs."""

    name: str
    """The name of the tokenizer's field in the spec."""
    config: Tokenizer
    size_name: str
    """The name of the model's field with the vocabulary size."""
    size: int
    """Number of tokens in the vocabulary."""
    columns: tuple[str, ...] | None = None
    """The text columns to train on. Default: all."""


@dataclass(frozen=True)
class TrainingText:
    """The training text of vocabularies, with its fingerprint at the start of preparation."""

    corpus: TextSource
    fingerprint: str
    stamps: dict[str, tuple]


def load_or_train_vocabulary(
    request: TokenizerRequest, text: TrainingText, listener: ProgressListener
) -> Vocabulary:
    """Return the vocabulary of a tokenizer; train it if it has no file and is not cached.

    Args:
        request: The tokenizer.
        text: The text to train on.
        listener: Receives progress messages.

    Raises:
        UserError: The tokenizer's file cannot be read or has another vocabulary size, or the
            training failed.
    """
    if isinstance(request.config, LearnedTokenizer) and request.config.file:
        vocabulary = request.config.load_file()
        if vocabulary.size != request.size:
            raise UserError(
                f"{request.config.file}: has {vocabulary.size} tokens, but "
                f"model.{request.size_name} is {request.size}; use the same number"
            )
        return vocabulary
    fingerprint = (
        text.fingerprint if request.columns is None else f"{text.fingerprint} {request.name}"
    )
    key = json.dumps([FORMAT, request.config.model_dump(mode="json"), request.size, fingerprint])
    folder = cache_root() / "tokenizers" / hashlib.sha256(key.encode()).hexdigest()[:32]
    vocabulary = _load(folder)
    if vocabulary is None:
        vocabulary = _train(request, text, listener)
        _save(vocabulary, folder)
    if vocabulary.size < request.size:
        listener.print(
            f"the training text yields only {vocabulary.size:,} of {request.size:,} tokens "
            f"(model.{request.size_name}); the remaining ids stay unused"
        )
    return vocabulary


def _train(request: TokenizerRequest, text: TrainingText, listener: ProgressListener) -> Vocabulary:
    listener.print(f"training the {request.name} for a vocabulary of {request.size:,} tokens")
    progress = listener.start(f"reading text for the {request.name}", text.corpus.total_bytes())
    try:
        lines = _lines(text.corpus, request.columns, progress)
        vocabulary = request.config.train(lines, request.size)
    except VocabularyTooSmallError as error:
        raise UserError(f"model.{request.size_name}: {error}") from error
    finally:
        listener.finish()
    text.corpus.check_unchanged(text.stamps)
    return vocabulary


def _lines(
    corpus: TextSource, columns: tuple[str, ...] | None, progress: Callable[[int], None]
) -> Iterator[str]:
    byte_counter = ByteCounter()
    for number, line in enumerate(corpus.lines(columns, byte_counter)):
        if number % _LINES_PER_REPORT == 0:
            progress(byte_counter.count)
        yield line


def _load(folder: Path) -> Vocabulary | None:
    """Return the vocabulary in a cache folder; None if it is missing or damaged."""
    try:
        vocabulary = load_vocabulary(folder / "tokenizer")
        is_intact = (folder / "digest").read_text() == vocabulary.digest
        return vocabulary if is_intact else None
    except (OSError, ValueError, UserError):
        return None


def _save(vocabulary: Vocabulary, folder: Path) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder.with_name(f".{folder.name}.lock")), replace_directory(folder) as new:
            vocabulary.save(new / "tokenizer")
            (new / "digest").write_text(vocabulary.digest)
    except OSError as error:
        raise UserError(f"{folder}: the tokenizer cannot be written ({error.strerror})") from error
