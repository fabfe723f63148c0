"""How long a run is: in steps, however the spec says it, or in minutes."""

from math import ceil, inf


class TrainingLength:
    """`steps` in all, or None where time decides; `seconds` of training taken so far."""

    def __init__(self, recipe, batches):
        self.seconds, self._limit = 0.0, inf
        self.steps: int | None = recipe.steps
        an_epoch = len(batches) / recipe.batch.accumulate
        if recipe.epochs is not None:
            self.steps = ceil(recipe.epochs * an_epoch)
        elif recipe.tokens is not None:
            self.steps = ceil(recipe.tokens / batches.order.tokens() * an_epoch)
        elif recipe.minutes is not None:
            self._limit = recipe.minutes * 60

    def reached(self, step: int) -> bool:
        """Whether a run ends with this step."""
        return self.seconds >= self._limit or (self.steps is not None and step >= self.steps)

    def left(self, step: int, pace: float) -> float:
        """Seconds until the end at a `pace` of so many seconds a step."""
        if self.steps is None:
            return max(self._limit - self.seconds, 0.0)
        return (self.steps - step) * pace

    def __str__(self) -> str:
        return f"{self._limit / 60:g} minutes" if self.steps is None else f"{self.steps} steps"
