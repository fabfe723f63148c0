"""Text made ready once: tokenizers trained and text turned into ids, both kept on disk."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from archbuilder.errors import UserError
from archbuilder.text.cache import Tokens, cache_root, cached
from archbuilder.text.tokenizer import load_vocabulary
from archbuilder.text.tokenizer.tokenizer import TooSmall
from archbuilder.text.vocabulary import Vocabulary

FORMAT = 1


class ProgressListener:
    """Who is told how preparing goes; this one listens in silence."""

    def tell(self, line: str) -> None:
        """A line of text."""

    def begin(self, what: str, total: int | None) -> Callable[[int], None]:
        """Some work on `total` bytes, if that is known; gives what to call with those done."""
        return lambda done: None

    def end(self) -> None:
        """The work that was begun last is done."""


@dataclass(frozen=True)
class Split:
    """A text to train or to measure on: each of its corpora with its weight and its tokens."""

    fingerprint: str
    parts: tuple[tuple[float, Tokens], ...]

    def counts(self) -> dict[str, int]:
        """How much it holds."""
        found: dict[str, int] = {}
        for _, tokens in self.parts:
            for name, count in tokens.counts().items():
                found[name] = found.get(name, 0) + count
        return found

    def left_out(self) -> list[str]:
        """What of the text is not in its tokens."""
        return [
            f"{count:,} {reason}" + (f", the first at {place}" if place else "")
            for _, tokens in self.parts
            for reason, (count, place) in tokens.left_out.items()
        ]


@dataclass(frozen=True)
class Prepared:
    """Everything that a run reads; `vocabularies` are the source's and the target's, often one."""

    vocabularies: tuple[Vocabulary, Vocabulary]
    splits: dict[str, Split]

    def lines(self) -> list[str]:
        """What was prepared, for a person to read."""
        told = []
        for name, split in self.splits.items():
            counts = ", ".join(f"{count:,} {what}" for what, count in split.counts().items())
            told += [f"data.{name}: {counts}"]
            told += [f"data.{name}: {line}" for line in split.left_out()]
        return told

    def state(self) -> dict[str, str]:
        """What makes the batches what they are, to be compared when a run goes on."""
        texts = {f"data.{name}": split.fingerprint for name, split in self.splits.items()}
        names = ("tokenizer", "target_tokenizer")
        tokenizers = zip(names, self.vocabularies, strict=True)
        return texts | {name: vocabulary.digest for name, vocabulary in tokenizers}


def prepare(experiment, listener: ProgressListener, vocabularies=None) -> Prepared:
    """Prepare an experiment's text, or find what was prepared before.

    A run that goes on brings its own `vocabularies`.
    """
    data = experiment.data
    corpora = {"train": data.train, "validation": data.validation}
    corpora = {name: corpus for name, corpus in corpora.items() if corpus is not None}
    for corpus in corpora.values():
        corpus.check()
    stamps = {name: corpus.stamps() for name, corpus in corpora.items()}
    fingerprints = {name: corpus.fingerprint() for name, corpus in corpora.items()}
    if vocabularies is None:
        vocabularies = _vocabularies(experiment, fingerprints["train"], stamps["train"], listener)
    for objective in experiment.objectives.values():
        objective.check_vocabulary(vocabularies[-1])
    splits = {
        name: Split(
            fingerprints[name],
            tuple(
                (weight, _tokens(f"data.{name}", part, vocabularies, listener))
                for weight, part in corpus.parts()
            ),
        )
        for name, corpus in corpora.items()
    }
    for name, corpus in corpora.items():  # What was found may be another text's than is told.
        corpus.check_unchanged(stamps[name])
    return Prepared(vocabularies, splits)


def _tokens(name: str, corpus, vocabularies, listener: ProgressListener) -> Tokens:
    progress = listener.begin(f"tokenising {name}", corpus.total_bytes())
    try:
        return cached(corpus, vocabularies, cache_root(), progress)
    except UserError as error:
        raise UserError(f"{name}: {error}") from error
    finally:
        listener.end()


def _vocabularies(
    experiment, fingerprint: str, stamps: dict, listener: ProgressListener
) -> tuple[Vocabulary, Vocabulary]:
    corpus, model = experiment.data.train, experiment.model
    if experiment.target_tokenizer is None:
        wanted = Wanted("tokenizer", experiment.tokenizer, "vocabulary_size", model.vocabulary_size)
        found = _vocabulary(wanted, corpus, corpus.lines, fingerprint, stamps, listener)
        return found, found
    sides = (
        Wanted("tokenizer", experiment.tokenizer, "vocabulary_size", model.vocabulary_size),
        Wanted(
            "target_tokenizer",
            experiment.target_tokenizer,
            "target_vocabulary_size",
            model.target_vocabulary_size,
        ),
    )
    lines = (corpus.source_lines, corpus.target_lines)
    source, target = (
        _vocabulary(wanted, corpus, read, f"{fingerprint} {wanted.name}", stamps, listener)
        for wanted, read in zip(sides, lines, strict=True)
    )
    return source, target


@dataclass(frozen=True)
class Wanted:
    """A tokenizer by its name in the spec, and how large a vocabulary is wanted of it."""

    name: str
    spec: object
    size_name: str
    size: int


def _vocabulary(
    wanted: Wanted, corpus, lines, fingerprint: str, stamps: dict, listener: ProgressListener
) -> Vocabulary:
    if wanted.spec.file:
        found = wanted.spec.load_file()
        if found.size != wanted.size:
            raise UserError(
                f"{wanted.spec.file}: has {found.size} tokens, "
                f"model.{wanted.size_name} is {wanted.size}"
            )
        return found
    key = json.dumps([FORMAT, wanted.spec.model_dump(mode="json"), wanted.size, fingerprint])
    folder = cache_root() / "tokenizers" / hashlib.sha256(key.encode()).hexdigest()[:32]
    found = _kept(folder)
    if found is None:
        listener.tell(f"training the {wanted.name} to {wanted.size:,} tokens")
        progress = listener.begin(f"reading for the {wanted.name}", corpus.total_bytes())
        try:
            found = wanted.spec.train(_watched(lines, progress), wanted.size)
        except TooSmall as error:
            raise UserError(f"model.{wanted.size_name}: {error}") from error
        finally:
            listener.end()
        corpus.check_unchanged(stamps)
        _keep(found, folder)
    if found.size < wanted.size:
        listener.tell(
            f"the text yields {found.size:,} tokens; "
            f"the rest of model.{wanted.size_name} {wanted.size:,} stays unused"
        )
    return found


def _watched(lines, progress):
    from archbuilder.text.corpus.reading import Reading

    reading = Reading()
    for number, line in enumerate(lines(reading)):
        if number % 10_000 == 0:
            progress(reading.bytes)
        yield line


def _kept(folder: Path) -> Vocabulary | None:
    """The tokenizer in a folder of the cache, if it is there as it was written."""
    try:
        found = load_vocabulary(folder / "tokenizer")
        return found if (folder / "digest").read_text() == found.digest else None
    except (OSError, ValueError, UserError):
        return None


def _keep(vocabulary: Vocabulary, folder: Path) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            vocabulary.save(temporary / "tokenizer")
            (temporary / "digest").write_text(vocabulary.digest)
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(FileExistsError):  # Another process was faster, with the same content.
                temporary.rename(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise UserError(f"{folder}: the tokenizer cannot be written ({error.strerror})") from error
