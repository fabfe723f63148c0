"""Learning rates as functions of the step, in plain Python: the first step is number 1."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveFloat, PositiveInt

from archbuilder.language import Spec


class Constant(Spec):
    """The same rate at every step."""

    type: Literal["constant"]
    rate: PositiveFloat
    """The rate."""

    def rate_at(self, step: int, steps: int, hidden_dim: int) -> float:
        return self.rate


class Linear(Spec):
    """Up to the peak in a straight line, then down to zero (Devlin et al., 2018, A.2)."""

    type: Literal["linear"]
    peak: PositiveFloat
    """The highest rate."""
    warmup_steps: NonNegativeInt = 0
    """Steps until the peak."""

    def rate_at(self, step: int, steps: int, hidden_dim: int) -> float:
        if step < self.warmup_steps:
            return self.peak * step / self.warmup_steps
        top = max(self.warmup_steps, 1)  # Without a warm-up the first step is at the peak.
        left, span = (max(steps - place, 0) + 1 for place in (step, top))
        return self.peak * min(1.0, left / span)  # The last step still moves: 1 / span.


class Noam(Spec):
    """hidden_dim^-0.5 * min(step^-0.5, step * warmup^-1.5) (Vaswani et al., 2017, equation 3)."""

    type: Literal["noam"]
    warmup_steps: PositiveInt = 4000
    """Steps until the peak."""
    scale: PositiveFloat = 1.0
    """What the paper's rate is multiplied by."""

    def rate_at(self, step: int, steps: int, hidden_dim: int) -> float:
        return self.scale * hidden_dim**-0.5 * min(step**-0.5, step * self.warmup_steps**-1.5)


class InverseSquareRoot(Spec):
    """Up to the peak in a straight line, then down as step^-0.5: noam with its peak written out."""

    type: Literal["inverse_square_root"]
    peak: PositiveFloat
    """The highest rate."""
    warmup_steps: PositiveInt
    """Steps until the peak."""

    def rate_at(self, step: int, steps: int, hidden_dim: int) -> float:
        return self.peak * min(step / self.warmup_steps, (self.warmup_steps / step) ** 0.5)


def _constant(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"type": "constant", "rate": value}
    if isinstance(value, dict | Spec):
        return value
    raise ValueError(f"must be a number or a mapping with a 'type', not {value!r}")


_Schedules = Annotated[Constant | Linear | Noam | InverseSquareRoot, Field(discriminator="type")]

Schedule = Annotated[
    _Schedules,
    BeforeValidator(_constant, json_schema_input_type=float | _Schedules),
]
