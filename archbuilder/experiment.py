"""The root of a spec: an architecture, its objectives, and how it is trained on what text."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from archbuilder.language import Mistake, Spec, check, named, read
from archbuilder.network.architecture import Architecture
from archbuilder.network.ledger import Ledger
from archbuilder.objectives import AnyObjective
from archbuilder.objectives.name import name_mistakes
from archbuilder.text.corpus import Corpus, Parallel
from archbuilder.text.tokenizer import Tokenizer
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


class Experiment(Spec):
    """An architecture; with data, tokenizer and training, an experiment."""

    name: Annotated[str, AfterValidator(folder_name)]
    """What the run folder is called."""
    model: Architecture
    """The network."""
    objectives: named(AnyObjective)
    """What it is trained for: names with their settings. A name is the type, unless `type` says."""
    tokenizer: Tokenizer | None = None
    """How text becomes tokens."""
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

    def train(self, run: Path | str | None = None, restart: bool = False) -> dict[str, float]:
        """Train, or go on with, the run in folder `run` (`runs/NAME`); the last metrics."""
        from archbuilder.training.trainer import train

        return train(self, Path(run or Path("runs") / self.name), restart)

    def ledger(self) -> Ledger:
        """Every weight with its shape, counted without Keras."""
        ledger = Ledger()
        network = self.model.build(ledger)
        for name, objective in self.objectives.items():
            objective.build(ledger, name, network)
        return ledger

    @property
    def examples(self) -> str:
        """How text becomes examples: as the objective says that owns it, else packed segments."""
        owners = (objective.examples for objective in self.objectives.values())
        return next((kind for kind in owners if kind), "segments")

    @classmethod
    def mistakes(cls, parts: dict[str, Any]) -> Iterator[Mistake]:
        """What no single part can know; `parts` holds the sound ones."""
        model, objectives = parts.get("model"), parts.get("objectives")
        if model is not None:
            yield from _under("model", model.mistakes())
        if objectives is not None:
            yield from _objectives_agree(objectives)
        if model is not None and objectives is not None:
            for name, objective in objectives.items():
                yield from _under("objectives", _under(name, objective.mistakes(model)))
            pooled = any(objective.pools for objective in objectives.values())
            if model.pooler is not None and not pooled:
                yield Mistake(
                    ("model", "pooler"),
                    "no objective reads the pooled vector: it would stay untrained; leave it out",
                )
        data = parts.get("data")
        if model is not None and data is not None:
            yield from _lengths_agree(model, data)
        if objectives and data is not None:
            yield from _corpora_agree(objectives, data)


def load(path: Path | str, overrides: Sequence[str] = ()) -> Experiment:
    """The experiment in a YAML file, frozen; `overrides` are as after `--set`.

    Raises `SpecError` with every mistake in `.lines`, each at its place.
    """
    return check(read(path, overrides), Experiment)


class DrawnNetwork:
    """A network drawn as a Keras graph: `.model`, and the parts that decoding steps through."""

    def __init__(self, experiment: Experiment):
        import keras

        self.parts = experiment.model.build(keras.layers)
        inputs = {name: _input(name) for name in experiment.model.inputs()}
        outputs = self.parts(inputs)
        for name, objective in experiment.objectives.items():
            head = objective.build(keras.layers, name, self.parts)
            own = {key: _input(key) for key in objective.inputs(name)}
            outputs[name] = head(outputs, own)
            inputs |= own
        self.model = keras.Model(inputs, outputs, name=_keras_name(experiment.name))


def _input(name):
    import keras

    return keras.Input((None,), dtype="int32", name=name)


def _keras_name(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def _under(name: str, mistakes: Iterator[Mistake]) -> Iterator[Mistake]:
    for mistake in mistakes:
        yield Mistake((name, *mistake.path), mistake.sentence)


def _objectives_agree(objectives: dict) -> Iterator[Mistake]:
    if not objectives:
        yield Mistake(("objectives",), "at least one objective is needed")
    yield from _under("objectives", name_mistakes(objectives))
    for mark, does in (
        ("examples", "decides already how text becomes examples"),
        ("hides", "hides tokens already"),
    ):
        first, *others = [n for n, one in objectives.items() if getattr(one, mark)] or [None]
        for name in others:
            yield Mistake(("objectives", name), f"'{first}' {does}, and only one objective can")


def _lengths_agree(model: Architecture, data: Data) -> Iterator[Mistake]:
    longest = model.max_sequence_length
    if longest is not None and data.sequence_length > longest:
        yield Mistake(
            ("data", "sequence_length"),
            f"{data.sequence_length} tokens are more than the {longest} that model.positions knows",
        )


def _corpora_agree(objectives: dict, data: Data) -> Iterator[Mistake]:
    parallel = any(objective.examples == "parallel" for objective in objectives.values())
    for split in ("train", "validation"):
        corpus = getattr(data, split)
        if corpus is None or isinstance(corpus, Parallel) == parallel:
            continue
        wanted = "parallel text, type: parallel" if parallel else "documents, not parallel text"
        yield Mistake(("data", split, "type"), f"these objectives need {wanted}")
