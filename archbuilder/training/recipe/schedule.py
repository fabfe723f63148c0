"""Learning rates as functions of the step, in plain Python: the first step is number 1.

Those with `needs_steps` need the number of steps in all, and others take None for it.
"""

from math import cos, pi
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

from archbuilder.language import Spec


class Constant(Spec):
    """The same rate at every step."""

    type: Literal["constant"]
    rate: PositiveFloat
    """The rate."""

    needs_steps: ClassVar[bool] = False

    def rate_at(self, step: int, steps: int | None, hidden_dim: int) -> float:
        return self.rate


class Linear(Spec):
    """Up to the peak in a straight line, then down to the end (Devlin et al., 2018, A.2)."""

    type: Literal["linear"]
    peak: PositiveFloat
    """The highest rate."""
    warmup_steps: NonNegativeInt = 0
    """Steps until the peak."""
    end: NonNegativeFloat = 0.0
    """The rate that would follow the last step."""
    power: PositiveFloat = 1.0
    """The share of steps left is raised to this: 1 for a straight line."""

    needs_steps: ClassVar[bool] = True

    def rate_at(self, step: int, steps: int | None, hidden_dim: int) -> float:
        if step < self.warmup_steps:
            return self.peak * step / self.warmup_steps
        left = _left(step, steps, self.warmup_steps) ** self.power
        return self.end + (self.peak - self.end) * left


class Cosine(Spec):
    """Up in a straight line, then down along half a wave (Loshchilov and Hutter, 2017, eq. 5)."""

    type: Literal["cosine"]
    peak: PositiveFloat
    """The highest rate."""
    warmup_steps: NonNegativeInt = 0
    """Steps until the peak."""
    end: NonNegativeFloat = 0.0
    """The rate that would follow the last step."""

    needs_steps: ClassVar[bool] = True

    def rate_at(self, step: int, steps: int | None, hidden_dim: int) -> float:
        if step < self.warmup_steps:
            return self.peak * step / self.warmup_steps
        done = 1 - _left(step, steps, self.warmup_steps)
        return self.end + (self.peak - self.end) * (1 + cos(pi * done)) / 2


class WarmupStableDecay(Spec):
    """Up, along, and down in straight lines (Hu et al., 2024, section 4.2)."""

    type: Literal["warmup_stable_decay"]
    peak: PositiveFloat
    """The rate in between."""
    warmup_steps: NonNegativeInt = 0
    """Steps until the peak."""
    decay_steps: PositiveInt
    """Steps at the end in which the rate falls."""
    end: NonNegativeFloat = 0.0
    """The rate that would follow the last step."""

    needs_steps: ClassVar[bool] = True

    def rate_at(self, step: int, steps: int | None, hidden_dim: int) -> float:
        if step < self.warmup_steps:
            return self.peak * step / self.warmup_steps
        assert steps is not None  # See `needs_steps`.
        left = min(1.0, (max(steps - step, 0) + 1) / (self.decay_steps + 1))
        return self.end + (self.peak - self.end) * left


class Noam(Spec):
    """hidden_dim^-0.5 * min(step^-0.5, step * warmup^-1.5) (Vaswani et al., 2017, equation 3)."""

    type: Literal["noam"]
    warmup_steps: PositiveInt = 4000
    """Steps until the peak."""
    scale: PositiveFloat = 1.0
    """What the paper's rate is multiplied by."""

    needs_steps: ClassVar[bool] = False

    def rate_at(self, step: int, steps: int | None, hidden_dim: int) -> float:
        return self.scale * hidden_dim**-0.5 * min(step**-0.5, step * self.warmup_steps**-1.5)


class InverseSquareRoot(Spec):
    """Up to the peak in a straight line, then down as step^-0.5: noam with its peak written out."""

    type: Literal["inverse_square_root"]
    peak: PositiveFloat
    """The highest rate."""
    warmup_steps: PositiveInt
    """Steps until the peak."""

    needs_steps: ClassVar[bool] = False

    def rate_at(self, step: int, steps: int | None, hidden_dim: int) -> float:
        return self.peak * min(step / self.warmup_steps, (self.warmup_steps / step) ** 0.5)


def _left(step: int, steps: int | None, warmup_steps: int) -> float:
    """The share that is left of the steps behind the peak: 1 there, and never nothing."""
    assert steps is not None  # See `needs_steps`.
    top = max(warmup_steps, 1)  # Without a warm-up the first step is at the peak.
    left, span = (max(steps - place, 0) + 1 for place in (step, top))
    return min(1.0, left / span)  # The last step still moves: 1 / span.


def _constant(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"type": "constant", "rate": value}
    if isinstance(value, dict | Spec):
        return value
    raise ValueError(f"must be a number or a mapping with a 'type', not {value!r}")


_Schedules = Annotated[
    Constant | Linear | Noam | InverseSquareRoot | Cosine | WarmupStableDecay,
    Field(discriminator="type"),
]

Schedule = Annotated[
    _Schedules,
    BeforeValidator(_constant, json_schema_input_type=float | _Schedules),
]
