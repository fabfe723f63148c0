"""Duties that are due every so many steps."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class CompletedStep:
    """An optimizer step that was just taken."""

    number: int
    """Number of the step, from 1."""
    record: dict[str, float | None]
    """The metrics of the step; a duty may add to them."""
    is_last: bool
    """Whether the run ends with this step."""


def never(step: CompletedStep) -> bool:
    """Return False: the duty is due at its period alone."""
    return False


@dataclass(frozen=True)
class Periodic:
    """A duty that is due every `every` steps, at the last step, and where `also` says so."""

    every: int
    run: Callable[[CompletedStep], None]
    also: Callable[[CompletedStep], bool] = never

    def is_due(self, step: CompletedStep) -> bool:
        """Return whether the duty is due after a step."""
        return step.is_last or step.number % self.every == 0 or self.also(step)
