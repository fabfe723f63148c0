"""From a spec's prepared text to batches."""

from dataclasses import dataclass

from archbuilder.mistake import UserMistake
from archbuilder.text.batches import Batches
from archbuilder.text.prepare import Prepared, prepare


@dataclass(frozen=True)
class Material:
    """What a run trains on and is measured on."""

    prepared: Prepared
    train: Batches
    validation: Batches | None

    def notes(self) -> list[str]:
        """What the user should know of it."""
        found = []
        for name, split in self.prepared.splits.items():
            batches = self.train if name == "train" else self.validation
            told = split.left_out()
            for examples in batches.examples:
                told += [f"{count:,} {what}" for what, count in examples.left_out.items()]
            found += [f"data.{name}: {line}" for line in told]
        texts = [split.fingerprint for split in self.prepared.splits.values()]
        if len(set(texts)) < len(texts):
            found.append("data.validation is the text of data.train: it will not show overfitting")
        return found


def gather(experiment, watcher, vocabularies=None) -> Material:
    """Prepare an experiment's text and make batches of it.

    What was prepared before is found again; a run that goes on brings its own `vocabularies`.
    """
    prepared = prepare(experiment, watcher, vocabularies)
    training = experiment.training
    budget = training.batch.budget(experiment.data.sequence_length)
    found = {}
    for name, split in prepared.splits.items():
        try:
            parts = [
                (weight, experiment.examples(tokens, prepared.vocabularies))
                for weight, tokens in split.parts
            ]
        except UserMistake as error:
            raise UserMistake(f"data.{name}: {error}") from error
        objectives, vocabularies = experiment.objectives, prepared.vocabularies
        found[name] = Batches(parts, objectives, vocabularies, budget, training.seed)
    return Material(prepared, found["train"], found.get("validation"))
