"""The best evaluation so far, and early stopping."""

from collections.abc import Mapping
from math import inf
from typing import Any

from pydantic import NonNegativeFloat, PositiveInt

from archbuilder.language import Spec


class EarlyStopping(Spec):
    """Early stopping: training ends when the monitored metric stops improving (Prechelt, 1998)."""

    patience: PositiveInt
    """Number of consecutive evaluations without improvement after which training stops, as in
    `keras.callbacks.EarlyStopping`."""
    min_delta: NonNegativeFloat = 0.0
    """Difference from the best value so far that an improvement must exceed, in the unit of the
    metric. It does not affect which model is saved as the best."""


class Best:
    """The best value so far of the monitored validation metric, and its step.

    Attributes:
        metric: Name of the metric without "validation_", such as "loss".
        value: The best value so far; None before the first evaluation.
        step: The step of the best value; None before the first evaluation.
        num_bad: Number of consecutive evaluations without an improvement by `min_delta`.
    """

    def __init__(self, metric: str, stopping: EarlyStopping | None, higher_is_better: bool) -> None:
        self.metric, self._stopping = metric, stopping
        self._sign = -1 if higher_is_better else 1
        self.value: float | None = None
        self.step: int | None = None
        self.num_bad = 0

    def update(self, metrics: Mapping[str, Any], step: int) -> bool:
        """Record an evaluation and return whether its model is the best so far.

        Args:
            metrics: The metrics of the evaluation. If the validation metric is missing, since there
                is no validation data, the latest model counts as the best.
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
        """Whether the last `patience` evaluations brought no improvement."""
        return self._stopping is not None and self.num_bad >= self._stopping.patience

    def state(self) -> dict[str, Any]:
        """Return the state to store in a checkpoint."""
        return {"value": self.value, "step": self.step, "waited": self.num_bad}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state that `state` returned, from a checkpoint."""
        self.value, self.step, self.num_bad = state["value"], state["step"], state["waited"]
