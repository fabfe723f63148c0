"""The root of a spec: a model, its objectives, tokenizers, data and training."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import AfterValidator

from archbuilder import cross_checks
from archbuilder.errors import UserError, writable
from archbuilder.graph import ModelGraph
from archbuilder.html_table import html_table
from archbuilder.keras_backend import load_keras
from archbuilder.language import (
    Edit,
    Problem,
    SettingsByName,
    Spec,
    SpecError,
    apply_edits,
    read,
    validate_tree,
)
from archbuilder.network.backbone import BackboneConfig
from archbuilder.network.parameter_counter import ParameterCounter, count_parameters
from archbuilder.objectives import AnyObjective
from archbuilder.shipped import shipped_specs
from archbuilder.text.data import Data
from archbuilder.text.prepare import Prepared, ProgressListener, prepare
from archbuilder.text.tokenizer import Tokenizer
from archbuilder.training.recipe.distribution import ProcessGroup
from archbuilder.training.recipe.recipe import Training
from archbuilder.training.recipe.trained_spec import TrainedSpec

if TYPE_CHECKING:
    import keras


def check_folder_name(name: str) -> str:
    """Return `name` if it is valid for folders and files; raise `ValueError` if not."""
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise ValueError(
            "must start with a letter, digit or '_' and contain only these, '-' and '.'"
        )
    return name


class Experiment(Spec):
    """A model with objectives; with tokenizer, data and training, an experiment that can be run."""

    name: Annotated[str, AfterValidator(check_folder_name)]
    """Name of the experiment and of its run folder: letters, digits, '_', '-' and '.'."""
    model: BackboneConfig
    """Architecture of the model, without the heads of the objectives."""
    objectives: Annotated[dict[str, AnyObjective], SettingsByName()]
    """Training objectives by name, each with its settings. The name is also the type unless `type`
    is given. The losses of several objectives are added. Without objectives, the model is only a
    backbone, whose outputs are the vectors of tokens."""
    tokenizer: Tokenizer | None = None
    """Tokenizer of all text, or of the source if there is a target_tokenizer. It is required for
    training."""
    target_tokenizer: Tokenizer | None = None
    """Tokenizer of the target, such as the text in the other language. It requires
    model.target_vocabulary_size. Default: source and target share one tokenizer."""
    data: Data | None = None
    """Text for training and validation. It is required for training."""
    training: Training | None = None
    """Optimizer, batches and other settings of training. It is required for training."""

    def model_graph(self) -> ModelGraph:
        """Return the Keras model together with the backbone and heads that it was built from."""
        return ModelGraph(self.name, self.model, self.objectives)

    def build(self) -> "keras.Model":
        """Return the `keras.Model`.

        Its inputs and outputs are dictionaries by name; batch size and sequence length are free.
        """
        return self.model_graph().model

    def prepare(self, listener: ProgressListener | None = None) -> Prepared:
        """Train the tokenizers and tokenize the text, or return both from the cache.

        Args:
            listener: Listener that receives progress messages. Default: they are ignored.

        Raises:
            UserError: A section is missing, or text cannot be read.
        """
        self.require("preparing", "data", "tokenizer")
        return prepare(self, listener or ProgressListener())

    def require(self, work: str, *sections: str) -> Any:
        """Return the last of the sections.

        Args:
            work: What needs the sections, for the message.
            sections: Names of top-level fields.

        Raises:
            UserError: A section is missing.
        """
        for section in sections:
            if getattr(self, section) is None:
                raise UserError(f"{self.name}: {work} needs '{section}' in the spec")
        return getattr(self, sections[-1])

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
        """Train the model in a run folder, or resume the run in it.

        Args:
            run: Run folder. Default: `runs/NAME`.
            restart: Whether to start again if there is a run. Default: False, the run is resumed.
            processes: Processes that train together. Default: this process alone.

        Returns:
            The last metrics by name.

        Raises:
            UserError: The spec, the run folder or the text is not suitable for training.
        """
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
        """Return the shapes of all weights, computed without Keras."""
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
    def problems(cls, sections: dict[str, Any]) -> Iterator[Problem]:
        """Yield the problems that involve several sections.

        Args:
            sections: Valid sections by name.
        """
        yield from cross_checks.problems(sections)


def fix_names(path: Path | str, overrides: Sequence[str] = ()) -> list[Edit]:
    """Rewrite names of earlier versions of the language in a spec and in those that it extends.

    Specs that are shipped with the package are rewritten only where `path` is one of them.

    Returns:
        The edits, in order.

    Raises:
        SpecError: A file cannot be read as a spec.
        UserError: A file cannot be written.
    """
    made: list[Edit] = []
    while True:  # A field below a renamed one is checked only under the new name.
        try:
            validate_tree(read(path, overrides), Experiment)
            return made
        except SpecError as error:
            edits = [edit for edit in error.edits if _is_editable(Path(edit.file), Path(path))]
        with writable(Path(path)):
            applied = list(apply_edits(edits))
        if not applied:
            return made
        made += sorted(applied)


def _is_editable(file: Path, spec: Path) -> bool:
    shipped = shipped_specs().resolve()
    return file.resolve() == spec.resolve() or shipped not in file.resolve().parents


def load(path: Path | str, overrides: Sequence[str] = ()) -> Experiment:
    """Return the experiment that a YAML file describes.

    Args:
        path: Spec file.
        overrides: Changes as after `--set`, such as "training.steps=100". Default: none.

    Raises:
        SpecError: The spec has errors; `.lines` has a line with the location for each.
    """
    return validate_tree(read(path, overrides), Experiment)
