"""The root of a spec: an architecture, its objectives, and how it is trained on what text."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import AfterValidator

from archbuilder import cross_checks
from archbuilder.errors import UserError
from archbuilder.graph import ModelGraph
from archbuilder.html_table import html_table
from archbuilder.keras_backend import load_keras
from archbuilder.language import Named, Problem, Spec, check, read
from archbuilder.network.backbone import BackboneConfig
from archbuilder.network.parameter_counter import ParameterCounter, count_parameters
from archbuilder.objectives import AnyObjective
from archbuilder.text.data import Data
from archbuilder.text.prepare import Prepared, ProgressListener, prepare
from archbuilder.text.tokenizer import Tokenizer
from archbuilder.training.recipe.distribution import ProcessGroup
from archbuilder.training.recipe.recipe import Training
from archbuilder.training.recipe.trained_spec import TrainedSpec

if TYPE_CHECKING:
    import keras


def check_folder_name(name: str) -> str:
    """The name, if a run folder and a file can be called so. Raises `ValueError`."""
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise ValueError("must be a letter, digit or '_', and then these, '-' and '.'")
    return name


class Experiment(Spec):
    """An architecture; with data, tokenizer and training, an experiment."""

    name: Annotated[str, AfterValidator(check_folder_name)]
    """What the run folder is called."""
    model: BackboneConfig
    """The network."""
    objectives: Annotated[dict[str, AnyObjective], Named()]
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

    def model_graph(self) -> ModelGraph:
        """The Keras model together with the parts it was drawn from."""
        return ModelGraph(self.name, self.model, self.objectives)

    def build(self) -> "keras.Model":
        """The `keras.Model`: named dictionaries in and out, any batch size and length."""
        return self.model_graph().model

    def prepare(self, listener: ProgressListener | None = None) -> Prepared:
        """Train the tokenizers and turn the text into ids, or find what was prepared before."""
        self.require("preparing", "data", "tokenizer")
        return prepare(self, listener or ProgressListener())

    def require(self, work: str, *parts: str) -> Any:
        """The last of the parts; raises `UserError` where the spec lacks one."""
        for part in parts:
            if getattr(self, part) is None:
                raise UserError(f"{self.name}: {work} needs '{part}' in the spec")
        return getattr(self, parts[-1])

    def for_training(self, work: str) -> TrainedSpec:
        """Return this spec as one that has all sections that training reads.

        Args:
            work: What needs the sections, for the message.

        Raises:
            UserError: A section is missing.
        """
        self.require(work, "data", "tokenizer", "training")
        return cast(TrainedSpec, self)

    def train(
        self,
        run: Path | str | None = None,
        restart: bool = False,
        processes: ProcessGroup | None = None,
    ) -> dict[str, float]:
        """Train, or go on with, the run in folder `run` (`runs/NAME`); the last metrics."""
        spec = self.for_training("training")
        if processes is not None:
            processes.check(spec.training.distribution)
        for tracker in spec.training.trackers:
            tracker.check()
        load_keras(spec.training.backend)
        from archbuilder.training.loop.trainer import train

        return train(spec, Path(run or Path("runs") / self.name), restart, processes=processes)

    def dataset(self, split: str = "train") -> "keras.utils.PyDataset":
        """Return the batches of `archbuild train` as a dataset for Keras's `fit` and `evaluate`.

        A batch is `(inputs, targets, sample_weights)`, dictionaries by the names of the inputs and
        outputs of the model. The training set has no end; give `fit` the argument
        `steps_per_epoch`.

        Args:
            split: "train" or "validation". Default: "train".

        Raises:
            UserError: The spec lacks the split, or has a setting that `fit` does not support.
        """
        spec = self.for_training("a dataset")
        load_keras(spec.training.backend)
        from archbuilder.training.fit.preparation import make_dataset

        return make_dataset(spec, split)

    def compile(self, model: "keras.Model") -> None:
        """Compile a model that `build` returned, so that `fit` trains it as `archbuild train` does.

        Each output has the loss of its objective; the optimizer has the learning rate by step, the
        weight decay and the clipping of `training`. The model computes in Keras's dtype policy, not
        in `training.precision`.

        Raises:
            UserError: The spec has a setting that `fit` does not support.
        """
        spec = self.for_training("compiling")
        load_keras(spec.training.backend)
        from archbuilder.training.fit.preparation import compile_model

        compile_model(spec, model)

    def parameter_counter(self) -> ParameterCounter:
        """Every weight with its shape, counted without Keras."""
        return count_parameters(self.model, self.objectives)

    def __repr__(self) -> str:
        return f"Experiment({self.name!r}, {self.parameter_counter().total():,} parameters)"

    def _repr_html_(self) -> str:
        stacks = {"encoder": self.model.encoder, "decoder": self.model.decoder}
        rows = [
            ("parameters", f"{self.parameter_counter().total():,}"),
            ("hidden_dim", self.model.hidden_dim),
            ("vocabulary_size", self.model.vocabulary_size),
            *(
                (name, f"{stack.num_layers} x {stack.attention.type}, {stack.feed_forward.type}")
                for name, stack in stacks.items()
                if stack is not None
            ),
            ("objectives", ", ".join(self.objectives)),
        ]
        return html_table(self.name, (), rows)

    @classmethod
    def problems(cls, parts: dict[str, Any]) -> Iterator[Problem]:
        """What no single part can know; `parts` holds the sound ones."""
        yield from cross_checks.problems(parts)


def load(path: Path | str, overrides: Sequence[str] = ()) -> Experiment:
    """The experiment in a YAML file, frozen; `overrides` are as after `--set`.

    Raises `SpecError` with every mistake in `.lines`, each at its place.
    """
    return check(read(path, overrides), Experiment)
