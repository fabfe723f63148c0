"""The root of a spec: an architecture, its objectives, and how it is trained on what text."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from archbuilder import agreement
from archbuilder.framework import load_keras
from archbuilder.language import Mistake, Spec, check, named, read
from archbuilder.mistake import UserMistake
from archbuilder.network.architecture import Architecture
from archbuilder.network.ledger import Ledger
from archbuilder.objectives import AnyObjective
from archbuilder.text.data import Data
from archbuilder.text.prepare import Prepared, Watcher, prepare
from archbuilder.text.tokenizer import Tokenizer
from archbuilder.training.distribution import Processes
from archbuilder.training.recipe import Training


def folder_name(name: str) -> str:
    """The name, if a run folder and a file can be called so. Raises `ValueError`."""
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise ValueError("must be a letter, digit or '_', and then these, '-' and '.'")
    return name


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
        self.needs("preparing", "data", "tokenizer")
        return prepare(self, watcher or Watcher())

    def needs(self, work: str, *parts: str) -> Any:
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
        training = self.needs("training", "data", "tokenizer", "training")
        if processes is not None:
            processes.check(training)
        for tracker in training.trackers:
            tracker.check()
        load_keras(training.engine)
        from archbuilder.training.trainer import train

        return train(self, Path(run or Path("runs") / self.name), restart, processes=processes)

    def ledger(self) -> Ledger:
        """Every weight with its shape, counted without Keras."""
        return agreement.counted(self.model, self.objectives)

    @classmethod
    def mistakes(cls, parts: dict[str, Any]) -> Iterator[Mistake]:
        """What no single part can know; `parts` holds the sound ones."""
        yield from agreement.mistakes(parts)


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
