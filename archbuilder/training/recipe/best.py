"""The best measurement so far, and whether it is worth waiting for a better one."""

from math import inf

from pydantic import NonNegativeFloat, PositiveInt

from archbuilder.language import Spec


class EarlyStopping(Spec):
    """Stop when measurements no longer become better (Prechelt, 1998)."""

    patience: PositiveInt
    """Measurements in a row, none of which is the best, after which training stops."""
    min_delta: NonNegativeFloat = 0.0
    """How much better than the best a measurement must be to count."""


class Best:
    """The best measurement of one metric: its value, its step, and how many came since."""

    def __init__(self, metric: str, stopping: EarlyStopping | None, higher_is_better: bool) -> None:
        self.metric, self._stopping = metric, stopping
        self._sign = -1 if higher_is_better else 1
        self.value: float | None = None
        self.step: int | None = None
        self.num_bad = 0

    def update(self, found: dict, step: int) -> bool:
        """Whether a measurement is the best so far. Where nothing is measured, the last one is."""
        value = found.get(f"validation_{self.metric}")
        if value is None:
            self.step = step
            return True
        before = inf if self.value is None else self._sign * self.value
        change = self._stopping.min_delta if self._stopping else 0.0
        self.num_bad = 0 if self._sign * value < before - change else self.num_bad + 1
        if self._sign * value >= before:
            return False
        self.value, self.step = value, step
        return True

    @property
    def should_stop(self) -> bool:
        """Whether enough measurements were none better."""
        return self._stopping is not None and self.num_bad >= self._stopping.patience

    def state(self) -> dict:
        """What a checkpoint keeps."""
        return {"value": self.value, "step": self.step, "waited": self.num_bad}

    def restore(self, state: dict) -> None:
        """Go on with what a checkpoint kept."""
        self.value, self.step, self.num_bad = state["value"], state["step"], state["waited"]
