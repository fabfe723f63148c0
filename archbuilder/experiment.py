"""The root of a spec: an architecture, its objectives, and how it is trained on what text."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from archbuilder.framework import load_keras
from archbuilder.inference.samples import SHOWN
from archbuilder.language import Mistake, Spec, check, named, read, under
from archbuilder.mistake import UserMistake
from archbuilder.network.architecture import Architecture
from archbuilder.network.ledger import Ledger
from archbuilder.objectives import AnyObjective, deciding, scored
from archbuilder.objectives.name import name_mistakes
from archbuilder.text.corpus import Corpus
from archbuilder.text.examples import Overlong
from archbuilder.text.prepare import Prepared, Watcher, prepare
from archbuilder.text.tokenizer import Tokenizer
from archbuilder.training.best import metrics_of
from archbuilder.training.distribution import Processes
from archbuilder.training.parameters import mistakes as mistakes_of_names
from archbuilder.training.recipe import Training


def folder_name(name: str) -> str:
    """The name, if a run folder and a file can be called so. Raises `ValueError`."""
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise ValueError("must be a letter, digit or '_', and then these, '-' and '.'")
    return name


class Data(Spec):
    """What a model is trained on, and what it is measured on."""

    train: Corpus
    """Text to learn from."""
    validation: Corpus | None = None
    """Text to measure on, which is never learnt from."""
    sequence_length: Annotated[int, Field(ge=8)] = 128
    """The most tokens in an example, special tokens included."""
    overlong: Overlong | None = None
    """What is done with text that is longer: split it, truncate it, drop it, or refuse all. Unless
    told, long sentences are split, segments of pairs truncated, and long translations dropped."""


class Experiment(Spec):
    """An architecture; with data, tokenizer and training, an experiment."""

    name: Annotated[str, AfterValidator(folder_name)]
    """What the run folder is called."""
    model: Architecture
    """The network."""
    objectives: named(AnyObjective)
    """What it is trained for: names with their settings. A name is the type, unless `type` says.
    A model without any gives the vectors of its tokens."""
    tokenizer: Tokenizer | None = None
    """How text becomes tokens."""
    target_tokenizer: Tokenizer | None = None
    """How the target's text becomes tokens, where model.target_vocabulary_size is given."""
    data: Data | None = None
    """What text it is trained on."""
    training: Training | None = None
    """How it is trained."""

    def network(self) -> "DrawnNetwork":
        """The Keras model together with the parts it was drawn from."""
        return DrawnNetwork(self)

    def build(self):
        """The `keras.Model`: named dictionaries in and out, any batch size and length."""
        return self.network().model

    def prepare(self, watcher: Watcher | None = None) -> Prepared:
        """Train the tokenizers and turn the text into ids, or find what was prepared before."""
        self._needs("preparing", "data", "tokenizer")
        return prepare(self, watcher or Watcher())

    def _needs(self, work: str, *parts: str) -> Any:
        """The last of the parts; raises `UserMistake` where the spec lacks one."""
        for part in parts:
            if getattr(self, part) is None:
                raise UserMistake(f"{self.name}: {work} needs '{part}' in the spec")
        return getattr(self, parts[-1])

    def train(
        self,
        run: Path | str | None = None,
        restart: bool = False,
        processes: Processes | None = None,
    ) -> dict[str, float]:
        """Train, or go on with, the run in folder `run` (`runs/NAME`); the last metrics."""
        training = self._needs("training", "data", "tokenizer", "training")
        if processes is not None:
            processes.check(training)
        for tracker in training.trackers:
            tracker.check()
        load_keras(training.engine)
        from archbuilder.training.trainer import train

        return train(self, Path(run or Path("runs") / self.name), restart, processes=processes)

    def ledger(self) -> Ledger:
        """Every weight with its shape, counted without Keras."""
        return _counted(self.model, self.objectives)

    @classmethod
    def mistakes(cls, parts: dict[str, Any]) -> Iterator[Mistake]:
        """What no single part can know; `parts` holds the sound ones."""
        model, objectives = parts.get("model"), parts.get("objectives")
        if model is not None:
            yield from under("model", model.mistakes())
        if objectives is not None:
            yield from _objectives_agree(objectives)
            if not objectives and (parts.get("data") or parts.get("training")):
                yield Mistake(("objectives",), "data and training need at least one objective")
        if model is not None and objectives is not None:
            for name, objective in objectives.items():
                yield from under("objectives", under(name, objective.mistakes(model)))
            pooled = any(objective.pools for objective in objectives.values())
            if model.pooler is not None and objectives and not pooled:
                yield Mistake(
                    ("model", "pooler"),
                    "no objective reads the pooled vector: it would stay untrained; leave it out",
                )
        data = parts.get("data")
        if model is not None and data is not None:
            yield from _lengths_agree(model, data)
        if objectives and data is not None:
            yield from _corpora_agree(objectives, data)
        tokenizer, training = parts.get("tokenizer"), parts.get("training")
        if objectives and data is not None and tokenizer is not None:
            yield from _sentinels_agree(objectives, data, tokenizer)
        if objectives and training is not None and training.batch.packing:
            yield from _rows_can_be_packed(objectives)
        if objectives and training is not None and training.samples:
            yield from _samples_can_be_shown(objectives, data)
        if model is not None and training is not None:
            yield from under("training", training.mistakes(model))
        if objectives and training is not None:
            yield from _measurements_agree(objectives, training, data)
            yield from _lengths_of_runs_agree(objectives, training)
        if model is not None and objectives and training is not None:
            yield from under("training", _layers_agree(model, objectives, training))
        if model is not None:
            yield from _tokenizers_agree(model, parts)


def load(path: Path | str, overrides: Sequence[str] = ()) -> Experiment:
    """The experiment in a YAML file, frozen; `overrides` are as after `--set`.

    Raises `SpecError` with every mistake in `.lines`, each at its place.
    """
    return check(read(path, overrides), Experiment)


class DrawnNetwork:
    """A network drawn as a Keras graph: `.model`, and the parts that decoding steps through."""

    def __init__(self, experiment: Experiment):
        import keras

        self.experiment, self.parts = experiment, experiment.model.build(keras.layers)
        self._heads = {
            name: objective.build(keras.layers, name, self.parts)
            for name, objective in experiment.objectives.items()
        }
        self.model = self.draw()

    def training_graph(self, packed: bool = False):
        """The graph that is trained: the model, unless rows are packed or there is a generator."""
        import keras

        generators = {
            name: objective.build_generator(keras.layers, name, self.parts)
            for name, objective in self.experiment.objectives.items()
        }
        generators = [one for one in generators.values() if one is not None]
        return self.draw(packed, generators) if packed or generators else self.model

    def draw(self, packed: bool = False, generators: Sequence = ()):
        """A graph over the same weights; `packed`: that reads rows of several examples."""
        import keras

        inputs = {name: _input(name) for name in self.experiment.model.inputs(packed)}
        read, told = dict(inputs), {}
        for generator in generators:
            own = {key: _input(key) for key in generator.inputs}
            read, found = generator(read, own)
            told, inputs = told | found, inputs | own
        outputs = self.parts(read) | told
        for name, objective in self.experiment.objectives.items():
            own = {key: _input(key) for key in objective.inputs(name)}
            outputs[name] = self._heads[name](outputs, own)
            inputs |= own
        return keras.Model(inputs, outputs, name=_keras_name(self.experiment.name))


def _input(name):
    import keras

    return keras.Input((None,), dtype="int32", name=name)


def _keras_name(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def _objectives_agree(objectives: dict) -> Iterator[Mistake]:
    yield from under("objectives", name_mistakes(objectives))
    for does_so, does in (
        (lambda one: one.decides(), "decides already how text becomes examples"),
        (lambda one: one.hides, "hides tokens already"),
    ):
        first, *others = [n for n, one in objectives.items() if does_so(one)] or [None]
        for name in others:
            yield Mistake(("objectives", name), f"'{first}' {does}, and only one objective can")


def _counted(model: Architecture, objectives: dict) -> Ledger:
    ledger = Ledger()
    network = model.build(ledger)
    for name, objective in objectives.items():
        objective.build(ledger, name, network)
    return ledger


def _layers_agree(model, objectives: dict, training: Training) -> Iterator[Mistake]:
    if not (training.freeze or training.parameter_groups):
        return
    if any(True for _ in model.mistakes()):
        return
    yield from mistakes_of_names(training, _counted(model, objectives).weights)


def _lengths_of_runs_agree(objectives: dict, training: Training) -> Iterator[Mistake]:
    for name, objective in objectives.items():
        weight = objective.weight
        if training.minutes is not None and getattr(weight, "last_step", 0) is None:
            yield Mistake(
                ("objectives", name, "weight"),
                "the number of steps is not known, as training.minutes decides: write last_step",
            )


def _measurements_agree(objectives: dict, training: Training, data) -> Iterator[Mistake]:
    known = metrics_of(scored(objectives))
    if training.best not in known:
        yield Mistake(("training", "best"), f"there is {', '.join(known)}, not {training.best!r}")
    if data is None or data.validation is not None:
        return
    for name in ("early_stopping", "best"):
        if name in training.model_fields_set:
            yield Mistake(("training", name), "nothing is measured: give data.validation")


def _lengths_agree(model: Architecture, data: Data) -> Iterator[Mistake]:
    longest = model.max_sequence_length
    if longest is not None and data.sequence_length > longest:
        yield Mistake(
            ("data", "sequence_length"),
            f"{data.sequence_length} tokens are more than the {longest} that model.positions knows",
        )


def _corpora_agree(objectives: dict, data: Data) -> Iterator[Mistake]:
    kind = deciding(objectives).examples
    for split in ("train", "validation"):
        corpus = getattr(data, split)
        if corpus is not None and corpus.form != kind.form:
            wanted = (
                "pairs, as type: parallel reads" if kind.form == "pairs" else "documents, not pairs"
            )
            yield Mistake(("data", split, "type"), f"these objectives need {wanted}")
    if data.overlong is not None and data.overlong not in kind.overlong:
        choice = ", ".join(kind.overlong)
        yield Mistake(
            ("data", "overlong"),
            f"these objectives' examples cannot be {data.overlong}: choose from {choice}",
        )


def _sentinels_agree(objectives: dict, data: Data, tokenizer) -> Iterator[Mistake]:
    for name, objective in objectives.items():
        needed = objective.sentinels(data.sequence_length)
        if tokenizer.file is None and tokenizer.sentinels < needed:
            yield Mistake(
                ("tokenizer", "sentinels"),
                f"'{name}' leaves out up to {needed - 1} spans of an example, and marks each and "
                f"the end with a token of its own; the tokenizer has {tokenizer.sentinels}: "
                f"write 'sentinels: {needed}'",
            )


def _rows_can_be_packed(objectives: dict) -> Iterator[Mistake]:
    for name, objective in objectives.items():
        if objective.pools:
            yield Mistake(
                ("training", "batch", "packing"),
                f"'{name}' reads one vector a row, and a packed row holds several examples",
            )


def _samples_can_be_shown(objectives: dict, data: Data | None) -> Iterator[Mistake]:
    if not any(objective.type in SHOWN for objective in objectives.values()):
        kinds = " or ".join(SHOWN)
        yield Mistake(("training", "samples"), f"there is nothing to show without {kinds}")
    elif data is not None and data.validation is None:
        yield Mistake(("training", "samples"), "they are taken from data.validation; give it")


def _tokenizers_agree(model: Architecture, parts: dict[str, Any]) -> Iterator[Mistake]:
    own, second = parts.get("target_tokenizer"), model.target_vocabulary_size
    if own is not None and second is None:
        yield Mistake(
            ("target_tokenizer",), "a vocabulary of its own needs model.target_vocabulary_size"
        )
    if second is not None and own is None and parts.get("tokenizer") is not None:
        yield Mistake(
            ("model", "target_vocabulary_size"), "a vocabulary of its own needs target_tokenizer"
        )
