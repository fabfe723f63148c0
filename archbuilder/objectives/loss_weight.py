"""The weight of a loss: a number, or a linear function of the step."""

from typing import Literal, Self

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from archbuilder.language import Spec


class LinearWeight(Spec):
    """A weight that changes linearly from `first` to `last` between two steps."""

    type: Literal["linear"]
    first: NonNegativeFloat
    """Weight up to step first_step."""
    last: NonNegativeFloat
    """Weight from step last_step."""
    first_step: PositiveInt = 1
    """Last step with weight `first`; steps count from 1."""
    last_step: PositiveInt | None = None
    """First step with weight `last`. Default: the last step of the run. It is required if
    training.minutes ends the run."""

    @model_validator(mode="after")
    def _check_change(self) -> Self:
        if self.first == self.last:
            raise ValueError(f"first and last are equal; write 'weight: {self.first:g}'")
        if self.last_step is not None and self.last_step <= self.first_step:
            raise ValueError(
                f"last_step ({self.last_step}) must be greater than first_step ({self.first_step})"
            )
        return self

    def at(self, step: int | None, steps: int | None) -> float:
        """Return the weight at a step.

        Args:
            step: Step, from 1. None: the last step.
            steps: Number of steps of the run. None: unknown.
        """
        if step is None:
            return self.last
        span = (self.last_step or max(steps or 0, self.first_step + 1)) - self.first_step
        fraction = min(max((step - self.first_step) / span, 0.0), 1.0)
        return self.first + fraction * (self.last - self.first)


LossWeight = PositiveFloat | LinearWeight
