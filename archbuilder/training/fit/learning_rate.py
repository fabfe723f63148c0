"""The learning rate of a recipe, as a Keras schedule."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


class RateByStep(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate per step of a run; steps after the run have the last learning rate."""

    def __init__(self, rates: Sequence[float]) -> None:
        """Create the schedule.

        Args:
            rates: The learning rate of each step.
        """
        self.rates = list(rates)

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a step, a scalar; `step` counts from 0."""
        rates = ops.convert_to_tensor(self.rates, dtype="float32")
        return rates[ops.minimum(ops.cast(step, "int32"), len(self.rates) - 1)]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {"rates": self.rates}
