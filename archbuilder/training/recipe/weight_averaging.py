"""Averages of the weights of a run, which are evaluated and saved in place of the weights."""

from typing import Annotated, Literal

from pydantic import Field

from archbuilder.language import Spec


class ExponentialMovingAverage(Spec):
    """Exponential moving average, updated at every step (Polyak and Juditsky, 1992)."""

    type: Literal["ema"]
    momentum: Annotated[float, Field(gt=0, lt=1)] = 0.999
    """Decay rate of the average: average = momentum * average + (1 - momentum) * weight."""


class LastCheckpoints(Spec):
    """Mean of the last checkpoints, at the end of training (Vaswani et al., 2017, section 6.1)."""

    type: Literal["last_checkpoints"]
    count: Annotated[int, Field(ge=2)] = 5
    """Number of checkpoints that are stored and averaged."""


WeightAveraging = Annotated[ExponentialMovingAverage | LastCheckpoints, Field(discriminator="type")]
