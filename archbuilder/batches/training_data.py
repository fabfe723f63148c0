"""The training data of a spec: batches of its prepared text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from archbuilder.batches.batch_sampler import BatchSize
from archbuilder.batches.batches import Batches
from archbuilder.errors import UserError
from archbuilder.network.backbone import BackboneConfig
from archbuilder.objectives import Objective, example_objective, training_losses
from archbuilder.text.data import Data
from archbuilder.text.examples import Limits
from archbuilder.text.prepare import Prepared, ProgressListener, TextSpec, prepare
from archbuilder.text.vocabulary import Vocabulary


class BatchSettings(Protocol):
    """The fields of `training.batch` that batches depend on."""

    @property
    def packing(self) -> bool:
        """Whether a row may contain several examples."""
        ...

    def batch_size(self, sequence_length: int, backend: str) -> BatchSize:
        """Return the capacity of a batch."""
        ...


class BatchRecipe(Protocol):
    """The fields of `training` that batches depend on."""

    @property
    def batch(self) -> BatchSettings:
        """The settings of batches."""
        ...

    @property
    def backend(self) -> str:
        """The Keras backend."""
        ...

    @property
    def seed(self) -> int:
        """The seed of all random numbers."""
        ...


class BatchedSpec(TextSpec, Protocol):
    """The sections of a spec that batches depend on."""

    @property
    def model(self) -> BackboneConfig:
        """The settings of the model."""
        ...

    @property
    def objectives(self) -> Mapping[str, Objective]:
        """The objectives by name."""
        ...

    @property
    def data(self) -> Data:
        """The settings of the text and its splits."""
        ...

    @property
    def training(self) -> BatchRecipe:
        """The training recipe."""
        ...


@dataclass(frozen=True)
class TrainingData:
    """The batches that a run is trained on and evaluated on."""

    prepared: Prepared
    """The tokenized text of each split, with the vocabularies."""
    train: Batches
    """The batches for training."""
    validation: Batches | None
    """The batches for evaluation; None if the spec has no validation data."""

    def splits(self) -> dict[str, Batches]:
        """Return the batches of each split that exists, by its name in the spec."""
        splits = {"train": self.train, "validation": self.validation}
        return {name: batches for name, batches in splits.items() if batches is not None}

    def split(self, name: str) -> Batches:
        """Return the batches of a split. Raise `UserError` if the spec does not have it."""
        splits = self.splits()
        if name not in splits:
            raise UserError(f"data: has no split {name!r}; use one of {', '.join(splits)}")
        return splits[name]

    def num_lengths(self) -> int:
        """Return the number of different padded lengths of batches: the maximum over the splits."""
        return max(batches.sampler.num_shapes() for batches in self.splits().values())

    def warnings(self) -> list[str]:
        """Return warnings about skipped input, and about validation on the training text."""
        warnings = []
        for name, batches in self.splits().items():
            split = self.prepared.splits[name]
            skipped = split.skipped()
            for examples in batches.examples:
                skipped += examples.skipped
            warnings += [f"data.{name}: {message}" for message in skipped]
        texts = [split.fingerprint for split in self.prepared.splits.values()]
        if len(set(texts)) < len(texts):
            warnings.append(
                "data.validation is the same text as data.train, so it cannot show overfitting"
            )
        return warnings


def load_training_data(
    spec: BatchedSpec,
    listener: ProgressListener,
    vocabularies: tuple[Vocabulary, Vocabulary] | None = None,
) -> TrainingData:
    """Prepare the text of a spec, and return its batches.

    Args:
        spec: The experiment.
        listener: Receiver of progress reports.
        vocabularies: The vocabularies of the source and of the target, for a run that is resumed.
            Default: the vocabularies of the spec's tokenizers.

    Raises:
        UserError: The text cannot be prepared (see `prepare`), or an objective has no target in the
            batches that are checked.
    """
    prepared = prepare(spec, listener, vocabularies)
    training, data, objectives = spec.training, spec.data, spec.objectives
    batch_size = training.batch.batch_size(data.sequence_length, training.backend)
    objective = example_objective(objectives)
    losses = training_losses(spec.model, objectives)
    inputs = spec.model.inputs(training.batch.packing)
    limits = Limits(data.sequence_length, data.overlong or objective.examples.overlong[0])
    splits = {}
    for name, split in prepared.splits.items():
        try:
            members = [
                (weight, objective.make_examples(tokens, prepared.vocabularies, limits))
                for weight, tokens in split.members
            ]
        except UserError as error:
            raise UserError(f"data.{name}: {error}") from error
        splits[name] = Batches(
            members, losses, prepared.vocabularies, batch_size, training.seed, inputs
        )
        for term in splits[name].without_targets():
            raise UserError(f"data.{name}: no batch contains a target for {term!r}")
    return TrainingData(prepared, splits["train"], splits.get("validation"))
