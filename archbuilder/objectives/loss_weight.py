"""What a loss is multiplied by: a number, or a line of numbers by step, the first being step 1."""

from typing import Literal

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from archbuilder.language import Spec


class LinearWeight(Spec):
    """One weight until a step, another from a later step on, and a straight line between them."""

    type: Literal["linear"]
    first: NonNegativeFloat
    """The weight at the beginning."""
    last: NonNegativeFloat
    """The weight at the end."""
    first_step: PositiveInt = 1
    """The last step at which it is `first`."""
    last_step: PositiveInt | None = None
    """The first step at which it is `last`; the last step of all, unless told."""

    @model_validator(mode="after")
    def _changes(self):
        if self.first == self.last:
            raise ValueError(f"a weight that is always the same is a number: {self.first:g}")
        if self.last_step is not None and self.last_step <= self.first_step:
            raise ValueError(
                f"last_step {self.last_step} must be behind first_step {self.first_step}"
            )
        return self

    def at(self, step: int | None, steps: int | None) -> float:
        """The weight at a step of a run of so many; at the end, where time decides when that is."""
        if step is None:
            return self.last
        span = (self.last_step or max(steps or 0, self.first_step + 1)) - self.first_step
        way = min(max((step - self.first_step) / span, 0.0), 1.0)
        return self.first + way * (self.last - self.first)


Weight = PositiveFloat | LinearWeight
