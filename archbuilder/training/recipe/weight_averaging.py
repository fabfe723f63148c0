"""Averages of a run's weights, which are measured and saved in their place."""

from typing import Annotated, Literal

from pydantic import Field

from archbuilder.language import Spec


class ExponentialMovingAverage(Spec):
    """A moving average, which follows the weights at every step (Polyak and Juditsky, 1992)."""

    type: Literal["ema"]
    momentum: Annotated[float, Field(gt=0, lt=1)] = 0.999
    """How much of the average is kept at a step."""


class LastCheckpoints(Spec):
    """The mean of the last checkpoints, at the end (Vaswani et al., 2017, section 6.1)."""

    type: Literal["last_checkpoints"]
    count: Annotated[int, Field(ge=2)] = 5
    """Checkpoints; so many are kept."""


WeightAveraging = Annotated[ExponentialMovingAverage | LastCheckpoints, Field(discriminator="type")]
