"""Preparation of text: vocabularies are trained and text is tokenized, both cached on disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from archbuilder.errors import UserError
from archbuilder.language.node import quote
from archbuilder.text.cache import cache_root, load_or_create_tokens
from archbuilder.text.corpus import TextSource
from archbuilder.text.label import NUM_SHOWN
from archbuilder.text.label_space import LabelNames, train_label_names, with_label_names
from archbuilder.text.progress import ProgressListener
from archbuilder.text.record import SOURCE, TARGET
from archbuilder.text.skipped import Skipped
from archbuilder.text.token_store import Tokens
from archbuilder.text.tokenizer import Tokenizer
from archbuilder.text.vocabularies import Vocabularies
from archbuilder.text.vocabulary import Vocabulary
from archbuilder.text.vocabulary_cache import (
    TokenizerRequest,
    TrainingText,
    load_or_train_vocabulary,
)

__all__ = ["Prepared", "ProgressListener", "Split", "TextSpec", "prepare"]


class _VocabularySizes(Protocol):
    @property
    def vocabulary_size(self) -> int: ...

    @property
    def target_vocabulary_size(self) -> int | None: ...


class _VocabularyCheck(Protocol):
    def check_vocabulary(self, vocabulary: Vocabulary) -> None: ...


class TextSpec(Protocol):
    """Fields of an experiment that preparation reads."""

    @property
    def model(self) -> _VocabularySizes:
        """Model, for its vocabulary sizes."""
        ...

    @property
    def objectives(self) -> Mapping[str, _VocabularyCheck]:
        """Objectives, by name."""
        ...

    @property
    def target_tokenizer(self) -> Tokenizer | None:
        """Tokenizer of the target; None if it shares that of the source."""
        ...

    def require(self, work: str, *parts: str) -> Any:
        """Return the last of the sections. Raise `UserError` if one is missing."""


@dataclass(frozen=True)
class Split:
    """Training or validation data: the tokens of each corpus, with its weight."""

    fingerprint: str
    members: tuple[tuple[float, Tokens], ...]

    def counts(self) -> dict[str, int]:
        """Return the numbers of records, sentences and tokens, by their names in messages."""
        total: dict[str, int] = {}
        for _, tokens in self.members:
            for unit, count in tokens.counts().items():
                total[unit] = total.get(unit, 0) + count
        return total

    def skipped(self) -> list[Skipped]:
        """Return the text that was skipped."""
        return [skipped for _, tokens in self.members for skipped in tokens.skipped]

    def label_names(self) -> LabelNames:
        """Return the names of the classes of each label column; None for numbers to predict."""
        return self.members[0][1].label_names


@dataclass(frozen=True)
class Prepared:
    """Prepared text of a run."""

    vocabularies: Vocabularies
    splits: dict[str, Split]

    def lines(self) -> list[str]:
        """Return the summary that is printed, line by line."""
        lines = []
        for name, split in self.splits.items():
            counts = ", ".join(f"{count:,} {unit}" for unit, count in split.counts().items())
            lines.append(f"data.{name}: {counts}")
            lines += [f"data.{name}: {skipped}" for skipped in split.skipped()]
            if name == "train":
                lines += [
                    f"data.{name}: {column}: {_described(names)}"
                    for column, names in split.label_names().items()
                ]
        return lines

    def state(self) -> dict[str, str]:
        """Return hashes of the text and the tokenizers; a resumed run must have the same."""
        texts = {f"data.{name}": split.fingerprint for name, split in self.splits.items()}
        names = ("tokenizer", "target_tokenizer")
        tokenizers = zip(names, self.vocabularies, strict=True)
        return texts | {name: vocabulary.digest for name, vocabulary in tokenizers}


def prepare(
    spec: TextSpec,
    listener: ProgressListener,
    vocabularies: tuple[Vocabulary, Vocabulary] | None = None,
) -> Prepared:
    """Prepare the text of a spec, or load it from the cache.

    Args:
        spec: The experiment.
        listener: Receives the progress.
        vocabularies: The vocabularies of source and target of a resumed run. Default: those of
            the tokenizers of the spec.

    Raises:
        UserError: Text or a tokenizer cannot be read, text changes while it is read, or a
            validation label does not occur in the training data.
    """
    data = spec.require("preparing", "data")
    corpora: dict[str, TextSource] = {"train": data.train}
    if data.validation is not None:
        corpora["validation"] = data.validation
    for corpus in corpora.values():
        corpus.check()
    stamps = {name: corpus.stamps() for name, corpus in corpora.items()}
    fingerprints = {name: corpus.fingerprint() for name, corpus in corpora.items()}
    if vocabularies is None:
        text = TrainingText(data.train, fingerprints["train"], stamps["train"])
        vocabularies = _vocabularies(spec, text, listener)
    pair = Vocabularies(*vocabularies)
    for objective in spec.objectives.values():
        objective.check_vocabulary(pair.target)
    members = {name: _members(name, corpus, pair, listener) for name, corpus in corpora.items()}
    splits = _splits(fingerprints, members)
    for (
        name,
        corpus,
    ) in corpora.items():  # The cache may contain the tokens of the text before it changed.
        corpus.check_unchanged(stamps[name])
    return Prepared(pair, splits)


def _members(
    name: str, corpus: TextSource, vocabularies: Vocabularies, listener: ProgressListener
) -> list[tuple[float, Tokens]]:
    members = []
    for weight, member in corpus.members():
        progress = listener.start(f"tokenizing data.{name}", member.total_bytes())
        try:
            members.append(
                (weight, load_or_create_tokens(member, vocabularies, cache_root(), progress))
            )
        except UserError as error:
            raise UserError(f"data.{name}: {error}") from error
        finally:
            listener.finish()
    return members


def _splits(
    fingerprints: dict[str, str], members: dict[str, list[tuple[float, Tokens]]]
) -> dict[str, Split]:
    """Return the splits, with all labels in the classes of the training data."""
    splits, names = {}, {}
    for name, corpora in members.items():
        try:
            if name == "train":
                names = train_label_names(tokens for _, tokens in corpora)
            splits[name] = Split(fingerprints[name], with_label_names(corpora, names))
        except UserError as error:
            raise UserError(f"data.{name}: {error}") from error
    return splits


def _vocabularies(spec: TextSpec, text: TrainingText, listener: ProgressListener) -> Vocabularies:
    model, tokenizer = spec.model, spec.require("preparing", "tokenizer")
    target_tokenizer = spec.target_tokenizer
    source = load_or_train_vocabulary(
        TokenizerRequest(
            "tokenizer",
            tokenizer,
            "vocabulary_size",
            model.vocabulary_size,
            None if target_tokenizer is None else (SOURCE,),
        ),
        text,
        listener,
    )
    if target_tokenizer is None:
        return Vocabularies(source, source)
    size = model.target_vocabulary_size
    if size is None:
        raise UserError("target_tokenizer requires model.target_vocabulary_size")
    request = TokenizerRequest(
        "target_tokenizer", target_tokenizer, "target_vocabulary_size", size, (TARGET,)
    )
    return Vocabularies(source, load_or_train_vocabulary(request, text, listener))


def _described(names: tuple[str, ...] | None) -> str:
    if names is None:
        return "numbers"
    shown = ", ".join(map(quote, names[:NUM_SHOWN]))
    return f"{len(names):,} classes, {shown}{' and others' if len(names) > NUM_SHOWN else ''}"
