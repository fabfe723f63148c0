"""The best evaluation so far, and early stopping."""

from collections.abc import Mapping
from math import inf
from typing import Any

from pydantic import NonNegativeFloat, PositiveInt

from archbuilder.language import Spec


class EarlyStopping(Spec):
    """Early stopping when evaluations no longer improve (Prechelt, 1998)."""

    patience: PositiveInt
    """Number of consecutive evaluations without improvement after which training stops."""
    min_delta: NonNegativeFloat = 0.0
    """Minimum difference from the best metric that counts as an improvement."""


class Best:
    """The best value of a validation metric and its step.

    Attributes:
        metric: Name of the metric.
        value: The best value so far; None before the first evaluation.
        step: The step of the best value.
        num_bad: Number of evaluations since the last improvement.
    """

    def __init__(self, metric: str, stopping: EarlyStopping | None, higher_is_better: bool) -> None:
        self.metric, self._stopping = metric, stopping
        self._sign = -1 if higher_is_better else 1
        self.value: float | None = None
        self.step: int | None = None
        self.num_bad = 0

    def update(self, metrics: Mapping[str, Any], step: int) -> bool:
        """Record an evaluation, and return whether it is the best so far.

        Args:
            metrics: The metrics of the evaluation; without the validation metric, the evaluation
                counts as the best.
            step: The step of the evaluation.
        """
        value = metrics.get(f"validation_{self.metric}")
        if value is None:
            self.step = step
            return True
        best = inf if self.value is None else self._sign * self.value
        min_delta = self._stopping.min_delta if self._stopping else 0.0
        self.num_bad = 0 if self._sign * value < best - min_delta else self.num_bad + 1
        if self._sign * value >= best:
            return False
        self.value, self.step = value, step
        return True

    @property
    def should_stop(self) -> bool:
        """Whether `patience` evaluations passed without improvement."""
        return self._stopping is not None and self.num_bad >= self._stopping.patience

    def state(self) -> dict[str, Any]:
        """Return the values that a checkpoint stores."""
        return {"value": self.value, "step": self.step, "waited": self.num_bad}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the values of a checkpoint."""
        self.value, self.step, self.num_bad = state["value"], state["step"], state["waited"]
