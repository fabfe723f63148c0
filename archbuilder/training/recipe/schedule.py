"""Learning rate schedules: the field `training.learning_rate`. Steps count from 1."""

from abc import ABC, abstractmethod
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
from typing_extensions import override

from archbuilder.language import Spec


class BaseSchedule(Spec, ABC):
    """The interface of learning rate schedules."""

    needs_steps: ClassVar[bool]
    """Whether `rate_at` requires the total number of steps."""

    @abstractmethod
    def rate_at(self, step: int, steps: int | None, hidden_dim: int) -> float:
        """Return the learning rate of a step.

        Args:
            step: Number of the step; the first is 1.
            steps: Total number of steps of the run, or None if it is unknown; it must not be None
                if `needs_steps` is true.
            hidden_dim: Size of the hidden vectors of the model; only `noam` depends on it.
        """


class Constant(BaseSchedule):
    """Constant learning rate."""

    type: Literal["constant"]
    rate: PositiveFloat
    """The learning rate."""

    needs_steps: ClassVar[bool] = False

    @override
    def rate_at(self, step: int, steps: int | None, hidden_dim: int) -> float:
        return self.rate


class Linear(BaseSchedule):
    """Linear warm-up from 0, then linear or polynomial decay (Devlin et al., 2018, A.2)."""

    type: Literal["linear"]
    peak: PositiveFloat
    """Maximum learning rate, reached at the end of the warm-up."""
    warmup_steps: NonNegativeInt = 0
    """Number of warm-up steps. 0: training starts at the peak."""
    end: NonNegativeFloat = 0.0
    """Learning rate that the decay would reach one step after the last step."""
    power: PositiveFloat = 1.0
    """Exponent of the decay: the fraction of remaining steps is raised to it. 1 is linear."""

    needs_steps: ClassVar[bool] = True

    @override
    def rate_at(self, step: int, steps: int | None, hidden_dim: int) -> float:
        if step < self.warmup_steps:
            return self.peak * step / self.warmup_steps
        remaining = _remaining(step, steps, self.warmup_steps) ** self.power
        return self.end + (self.peak - self.end) * remaining


class Cosine(BaseSchedule):
    """Linear warm-up from 0, then cosine decay (Loshchilov and Hutter, 2017, equation 5)."""

    type: Literal["cosine"]
    peak: PositiveFloat
    """Maximum learning rate, reached at the end of the warm-up."""
    warmup_steps: NonNegativeInt = 0
    """Number of warm-up steps. 0: training starts at the peak."""
    end: NonNegativeFloat = 0.0
    """Learning rate that the decay would reach one step after the last step."""

    needs_steps: ClassVar[bool] = True

    @override
    def rate_at(self, step: int, steps: int | None, hidden_dim: int) -> float:
        if step < self.warmup_steps:
            return self.peak * step / self.warmup_steps
        progress = 1 - _remaining(step, steps, self.warmup_steps)
        return self.end + (self.peak - self.end) * (1 + cos(pi * progress)) / 2


class WarmupStableDecay(BaseSchedule):
    """Linear warm-up from 0, constant rate, then linear decay (Hu et al., 2024, section 4.2)."""

    type: Literal["warmup_stable_decay"]
    peak: PositiveFloat
    """Constant learning rate between warm-up and decay."""
    warmup_steps: NonNegativeInt = 0
    """Number of warm-up steps. 0: training starts at the peak."""
    decay_steps: PositiveInt
    """Number of decay steps, at the end of training."""
    end: NonNegativeFloat = 0.0
    """Learning rate that the decay would reach one step after the last step."""

    needs_steps: ClassVar[bool] = True

    @override
    def rate_at(self, step: int, steps: int | None, hidden_dim: int) -> float:
        if step < self.warmup_steps:
            return self.peak * step / self.warmup_steps
        assert steps is not None  # The caller ensures this: `needs_steps` is true.
        remaining = min(1.0, (max(steps - step, 0) + 1) / (self.decay_steps + 1))
        return self.end + (self.peak - self.end) * remaining


class Noam(BaseSchedule):
    """Linear warm-up, then decay with step^-0.5 (Vaswani et al., 2017, equation 3).

    The learning rate is scale * hidden_dim^-0.5 * min(step^-0.5, step * warmup_steps^-1.5).
    """

    type: Literal["noam"]
    warmup_steps: PositiveInt = 4000
    """Number of warm-up steps."""
    scale: PositiveFloat = 1.0
    """Factor that multiplies the learning rate of the paper."""

    needs_steps: ClassVar[bool] = False

    @override
    def rate_at(self, step: int, steps: int | None, hidden_dim: int) -> float:
        return self.scale * hidden_dim**-0.5 * min(step**-0.5, step * self.warmup_steps**-1.5)


class InverseSquareRoot(BaseSchedule):
    """Linear warm-up, then decay with step^-0.5, as `noam` but with an explicit peak."""

    type: Literal["inverse_square_root"]
    peak: PositiveFloat
    """Maximum learning rate, reached at the end of the warm-up."""
    warmup_steps: PositiveInt
    """Number of warm-up steps."""

    needs_steps: ClassVar[bool] = False

    @override
    def rate_at(self, step: int, steps: int | None, hidden_dim: int) -> float:
        return self.peak * min(step / self.warmup_steps, (self.warmup_steps / step) ** 0.5)


def _remaining(step: int, steps: int | None, warmup_steps: int) -> float:
    """Return the fraction of the decay that remains: 1 at the peak, 1 / (decay steps) at the end.

    It is never 0, so that the last step still updates the weights if the schedule ends at 0.
    """
    assert steps is not None  # The caller ensures this: `needs_steps` is true.
    peak_step = max(warmup_steps, 1)  # Without a warm-up, the first step is the peak.
    remaining, decay_steps = (max(steps - number, 0) + 1 for number in (step, peak_step))
    return min(1.0, remaining / decay_steps)


def _number_to_constant(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"type": "constant", "rate": value}
    if isinstance(value, dict | Spec):
        return value
    raise ValueError(f"must be a number or a mapping with a 'type', not {value!r}")


_AnySchedule = Annotated[
    Constant | Linear | Noam | InverseSquareRoot | Cosine | WarmupStableDecay,
    Field(discriminator="type"),
]

Schedule = Annotated[
    _AnySchedule,
    BeforeValidator(_number_to_constant, json_schema_input_type=float | _AnySchedule),
]
