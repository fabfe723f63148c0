"""The header of a run: size, resolved settings, and warnings about suspicious settings."""

from collections.abc import Iterator, Sequence
from math import prod

from archbuilder.batches.training_data import TrainingData
from archbuilder.training.loop.training_length import TrainingLength
from archbuilder.training.recipe.recipe import Batch, Training


class RunHeader:
    """The header of a run."""

    def __init__(self, recipe: Training, data: TrainingData, length: TrainingLength) -> None:
        self._recipe, self._data, self._length = recipe, data, length

    def lines(self, name: str, hidden_dim: int, weights: Sequence, choices: str) -> Iterator[str]:
        """Yield the lines of the header.

        Args:
            name: Name of the experiment.
            hidden_dim: Width of the model, which scales the learning rate of some schedules.
            weights: The Keras variables of the model.
            choices: Devices, precision and compilation, with their reasons.
        """
        recipe, num_batches = self._recipe, len(self._data.train)
        yield f"{name}: {_count(weights)}, {recipe.backend}, {choices}, seed {recipe.seed}"
        epochs = ""
        if self._length.steps is not None:
            num_epochs = self._length.steps * recipe.batch.gradient_accumulation_steps / num_batches
            epochs = f", {num_epochs:.1f} epochs"
        yield (
            f"{self._length}, {_batch_size(recipe.batch)}, "
            f"peak learning rate {self._peak_rate(hidden_dim):.2e}, "
            f"{num_batches} batches per epoch{epochs}"
        )
        yield from (f"warning: {warning}" for warning in self._warnings())

    def _peak_rate(self, hidden_dim: int) -> float:
        schedule, steps = self._recipe.learning_rate, self._length.steps
        warmup_steps = getattr(schedule, "warmup_steps", 1) or 1
        last = steps or warmup_steps
        # The learning rate rises during the warm-up, and either rises or falls after it.
        extremes = (1, min(warmup_steps, last), last)
        return max(schedule.rate_at(step, steps, hidden_dim) for step in extremes)

    def _warnings(self) -> Iterator[str]:
        yield from self._recipe.warnings(self._length.steps)
        yield from self._data.warnings()
        count, num_batches = self._recipe.batch.gradient_accumulation_steps, len(self._data.train)
        if count > num_batches:
            yield (
                f"gradient_accumulation_steps ({count}) is greater than the number of batches in "
                f"the training text ({num_batches})"
            )


def _count(weights: Sequence) -> str:
    total = sum(prod(weight.shape) for weight in weights)
    trainable = sum(prod(weight.shape) for weight in weights if weight.trainable)
    parameters = f"{total:,} parameters"
    return parameters if trainable == total else f"{parameters}, {trainable:,} of them trainable"


def _batch_size(batch: Batch) -> str:
    size = f"{batch.tokens} tokens" if batch.tokens else f"{batch.examples} examples"
    count = batch.gradient_accumulation_steps
    return f"{count} x {size} per step" if count > 1 else f"{size} per step"
