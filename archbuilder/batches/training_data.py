"""From a spec's prepared text to batches."""

from dataclasses import dataclass

from archbuilder.batches.batches import Batches
from archbuilder.errors import UserError
from archbuilder.objectives import example_objective, training_losses
from archbuilder.text.examples import Limits
from archbuilder.text.prepare import Prepared, prepare


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


def load_training_data(experiment, listener, vocabularies=None) -> TrainingData:
    """Prepare an experiment's text and make batches of it.

    What was prepared before is found again; a run that goes on brings its own `vocabularies`.
    Raises `UserError` for text of which an objective makes nothing.
    """
    prepared = prepare(experiment, listener, vocabularies)
    training, data, objectives = experiment.training, experiment.data, experiment.objectives
    budget = training.batch.budget(data.sequence_length, training.engine)
    decider, vocabularies = example_objective(objectives), prepared.vocabularies
    losses = training_losses(experiment.model, objectives)
    inputs = experiment.model.inputs(training.batch.packing)
    limits = Limits(data.sequence_length, data.overlong or decider.examples.overlong[0])
    found = {}
    for name, split in prepared.splits.items():
        try:
            parts = [
                (weight, decider.make_examples(tokens, vocabularies, limits))
                for weight, tokens in split.members
            ]
        except UserError as error:
            raise UserError(f"data.{name}: {error}") from error
        found[name] = Batches(parts, losses, vocabularies, budget, training.seed, inputs)
        for term in found[name].without_targets():
            raise UserError(f"data.{name}: there is nothing to guess in it for {term}")
    return TrainingData(prepared, found["train"], found.get("validation"))
