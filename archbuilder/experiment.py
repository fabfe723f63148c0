"""The top level of a spec: model, objectives, tokenizers, data and training."""

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
    """Return `name` if it is a valid name for files and folders. Raise `ValueError` if not."""
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise ValueError(
            "must consist of letters, digits, '_', '-' and '.', and not start with '-' or '.'"
        )
    return name


class Experiment(Spec):
    """A model and its objectives; with a tokenizer, data and training, it can be trained."""

    name: Annotated[str, AfterValidator(check_folder_name)]
    """Name of the experiment and of its run folder. It has letters, digits, '_', '-' and '.', and
    does not start with '-' or '.'."""
    model: BackboneConfig
    """Architecture of the model, without the heads of the objectives."""
    objectives: Annotated[dict[str, AnyObjective], SettingsByName()]
    """Training objectives by name, each with its settings. The name is also the type unless `type`
    is given. The weighted losses of several objectives are added. Without objectives, the model is
    only a backbone, which outputs a vector for each token."""
    tokenizer: Tokenizer | None = None
    """Tokenizer of all text, or of the source only if `target_tokenizer` is given. It is required
    for training."""
    target_tokenizer: Tokenizer | None = None
    """Tokenizer of the target, such as the translation. It requires `model.target_vocabulary_size`.
    Default: source and target share `tokenizer`."""
    data: Data | None = None
    """Text for training and validation. It is required for training."""
    training: Training | None = None
    """Optimizer, batches and other settings of training. It is required for training."""

    def model_graph(self) -> ModelGraph:
        """Return the Keras model together with its backbone and heads."""
        return ModelGraph(self.name, self.model, self.objectives)

    def build(self) -> "keras.Model":
        """Return a new `keras.Model` with random weights.

        Its inputs and outputs are dictionaries of tensors by name. The batch size and the sequence
        length are not fixed.
        """
        return self.model_graph().model

    def prepare(self, listener: ProgressListener | None = None) -> Prepared:
        """Train the tokenizers and tokenize the text, or return both from the cache.

        Args:
            listener: Receiver of progress messages. Default: they are ignored.

        Raises:
            UserError: A section of the spec is missing, or text cannot be read.
        """
        self.require("preparing", "data", "tokenizer")
        return prepare(self, listener or ProgressListener())

    def require(self, work: str, *sections: str) -> Any:
        """Return the value of the last section, if the spec has all sections.

        Args:
            work: Operation that needs the sections, such as "training", for the error message.
            sections: Names of top-level fields of the spec.

        Raises:
            UserError: A section is missing.
        """
        for section in sections:
            if getattr(self, section) is None:
                raise UserError(f"{self.name}: {work} needs '{section}' in the spec")
        return getattr(self, sections[-1])

    def for_training(self, work: str) -> TrainedSpec:
        """Return this spec, typed so that the sections for training are not None.

        Args:
            work: Operation that needs the sections, such as "training", for the error message.

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
            restart: Whether to replace an existing run. Default: False; it is resumed.
            processes: Processes that train together. Default: this process alone.

        Returns:
            The last training and validation metrics, by name.

        Raises:
            UserError: The spec, the run folder or the text has an error that the user can fix.
            RunInterruptedError: Training was stopped by Ctrl-C or SIGTERM.
            TrainingFailedError: A loss, gradient or weight is NaN or infinite, or memory or disk
                space is insufficient.
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

        A batch is a tuple `(inputs, targets, sample_weights)` of dictionaries, with arrays by the
        names of the inputs and outputs of the model. The training set is infinite: `fit` needs
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

        Each output has the loss of its objective. The optimizer has the learning rate schedule, the
        weight decay and the gradient clipping of `training`. `training.precision` is ignored: the
        model keeps the Keras dtype policy with which it was built.

        Args:
            model: The model to compile in place.

        Raises:
            UserError: The spec has a setting that `fit` does not support.
        """
        spec = self.for_training("compiling")
        load_keras(spec.training.backend)
        from archbuilder.training.fit.preparation import compile_model

        compile_model(spec, model)

    def parameter_counter(self) -> ParameterCounter:
        """Return a counter with the shapes of all weights, computed without Keras."""
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
    """Rename outdated fields and values in a spec file and in the specs that it extends.

    The outdated names are those of earlier versions of archbuilder. Specs that the package installs
    are changed only if `path` is one of them.

    Args:
        path: Spec file.
        overrides: Overrides of the spec, in the format of `--set`. Default: none.

    Returns:
        The edits that were made, in the order of rounds and then of file and line.

    Raises:
        SpecError: A file cannot be parsed as a spec.
        UserError: A file cannot be written.
    """
    edits_made: list[Edit] = []
    while True:  # The fields inside a renamed section are checked only after it is renamed.
        try:
            validate_tree(read(path, overrides), Experiment)
            return edits_made
        except SpecError as error:
            edits = [edit for edit in error.edits if _is_editable(Path(edit.file), Path(path))]
        applied = apply_edits(edits)
        if not applied:
            return edits_made
        edits_made += applied


def _is_editable(file: Path, spec: Path) -> bool:
    shipped = shipped_specs().resolve()
    return file.resolve() == spec.resolve() or shipped not in file.resolve().parents


def load(path: Path | str, overrides: Sequence[str] = ()) -> Experiment:
    """Load an experiment from a YAML file.

    Args:
        path: Spec file.
        overrides: Overrides in the format of `--set`, such as "training.steps=100". Default: none.

    Raises:
        SpecError: The spec has errors; the attribute `lines` has one line with location for each.
    """
    return validate_tree(read(path, overrides), Experiment)
