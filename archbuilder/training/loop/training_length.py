"""The length of a run: a number of steps or a time limit."""

from math import ceil, inf

from archbuilder.batches.batches import Batches
from archbuilder.training.recipe.recipe import Training


class TrainingLength:
    """The number of steps of a run, or its time limit, and its time so far."""

    def __init__(self, recipe: Training, train: Batches) -> None:
        self.seconds = 0.0
        """Time of training so far in seconds, including evaluations and checkpoints."""
        self._max_seconds = inf
        self.steps: int | None = recipe.steps
        """Total number of steps; None if the run has a time limit."""
        steps_per_epoch = len(train) / recipe.batch.gradient_accumulation_steps
        if recipe.epochs is not None:
            self.steps = ceil(recipe.epochs * steps_per_epoch)
        elif recipe.total_tokens is not None:
            self.steps = ceil(recipe.total_tokens / train.sampler.num_tokens() * steps_per_epoch)
        elif recipe.minutes is not None:
            self._max_seconds = recipe.minutes * 60

    def is_reached(self, step: int) -> bool:
        """Return whether the run ends after this step."""
        is_last_step = self.steps is not None and step >= self.steps
        return is_last_step or self.seconds >= self._max_seconds

    def seconds_left(self, step: int, seconds_per_step: float) -> float:
        """Return the remaining time in seconds.

        Args:
            step: The last completed step.
            seconds_per_step: Mean time of a step.
        """
        if self.steps is None:
            return max(self._max_seconds - self.seconds, 0.0)
        return (self.steps - step) * seconds_per_step

    def __str__(self) -> str:
        return (
            f"{self._max_seconds / 60:g} minutes" if self.steps is None else f"{self.steps} steps"
        )
