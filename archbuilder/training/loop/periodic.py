"""Actions that run after certain steps, such as logging and saving."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class CompletedStep:
    """An optimizer step that is completed."""

    number: int
    """Number of the step, from 1."""
    record: dict[str, float | None]
    """The metrics of the step; an action may add metrics."""
    is_last: bool
    """Whether the run ends with this step."""


def never(step: CompletedStep) -> bool:
    """Return False, as there is no additional condition."""
    return False


@dataclass(frozen=True)
class PeriodicAction:
    """An action that runs every `every` steps, at the last step, and if `condition` is true."""

    every: int
    run: Callable[[CompletedStep], None]
    condition: Callable[[CompletedStep], bool] = never

    def is_due(self, step: CompletedStep) -> bool:
        """Return whether the action runs after a step."""
        return step.is_last or step.number % self.every == 0 or self.condition(step)
