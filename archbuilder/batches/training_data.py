"""From a spec's prepared text to batches."""

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
    """What batches depend on in `training.batch`."""

    @property
    def packing(self) -> bool: ...

    def budget(self, sequence_length: int, backend: str) -> BatchSize: ...


class BatchRecipe(Protocol):
    """What batches depend on in `training`."""

    @property
    def batch(self) -> BatchSettings: ...

    @property
    def backend(self) -> str: ...

    @property
    def seed(self) -> int: ...


class BatchedSpec(TextSpec, Protocol):
    """A spec of which batches are made, with all sections that they depend on."""

    @property
    def model(self) -> BackboneConfig: ...

    @property
    def objectives(self) -> Mapping[str, Objective]: ...

    @property
    def data(self) -> Data: ...

    @property
    def training(self) -> BatchRecipe: ...


@dataclass(frozen=True)
class TrainingData:
    """What a run trains on and is measured on."""

    prepared: Prepared
    train: Batches
    validation: Batches | None

    def splits(self) -> dict[str, Batches]:
        """The batches by split, as the spec names them."""
        found = {"train": self.train, "validation": self.validation}
        return {name: batches for name, batches in found.items() if batches is not None}

    def split(self, name: str) -> Batches:
        """Return the batches of a split. Raise `UserError` if the spec has none of this name."""
        splits = self.splits()
        if name not in splits:
            raise UserError(f"no split {name!r} in data; there is {', '.join(splits)}")
        return splits[name]

    def lengths(self) -> int:
        """How many lengths, or combinations of lengths, batches have."""
        return max(batches.order.shapes() for batches in self.splits().values())

    def notes(self) -> list[str]:
        """What the user should know of it."""
        found = []
        for name, batches in self.splits().items():
            split = self.prepared.splits[name]
            skipped = split.skipped()
            for examples in batches.examples:
                skipped += examples.skipped
            found += [f"data.{name}: {one}" for one in skipped]
        texts = [split.fingerprint for split in self.prepared.splits.values()]
        if len(set(texts)) < len(texts):
            found.append("data.validation is the text of data.train: it will not show overfitting")
        return found


def load_training_data(
    spec: BatchedSpec,
    listener: ProgressListener,
    vocabularies: tuple[Vocabulary, Vocabulary] | None = None,
) -> TrainingData:
    """Prepare the text of a spec, and make batches of it.

    Args:
        spec: The experiment.
        listener: Receives the progress.
        vocabularies: Those of source and target of a run that is resumed. Default: those of the
            spec's tokenizers.

    Raises:
        UserError: An objective has nothing to predict in a text, or see `prepare`.
    """
    prepared = prepare(spec, listener, vocabularies)
    training, data, objectives = spec.training, spec.data, spec.objectives
    budget = training.batch.budget(data.sequence_length, training.backend)
    decider = example_objective(objectives)
    losses = training_losses(spec.model, objectives)
    inputs = spec.model.inputs(training.batch.packing)
    limits = Limits(data.sequence_length, data.overlong or decider.examples.overlong[0])
    splits = {}
    for name, split in prepared.splits.items():
        try:
            parts = [
                (weight, decider.make_examples(tokens, prepared.vocabularies, limits))
                for weight, tokens in split.members
            ]
        except UserError as error:
            raise UserError(f"data.{name}: {error}") from error
        splits[name] = Batches(parts, losses, prepared.vocabularies, budget, training.seed, inputs)
        for term in splits[name].without_targets():
            raise UserError(f"data.{name}: there is nothing to guess in it for {term}")
    return TrainingData(prepared, splits["train"], splits.get("validation"))
