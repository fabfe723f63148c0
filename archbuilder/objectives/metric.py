"""A metric: a number computed from sums, which add up over batches, devices and processes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial


@dataclass(frozen=True)
class Metric:
    """A number that is computed from the additive sums of a loss term."""

    name: str
    """Its name in metrics.jsonl, behind that of the loss term."""
    from_sums: Callable[[Mapping[str, float]], float]
    """Computes the metric from the sums over all batches, which include "loss" and "count"."""
    higher_is_better: bool
    """Whether the best model is the one with the highest value."""
    is_printed: bool = True
    """Whether the lines on the console show it. Default: True."""


def mean(sums: Mapping[str, float], key: str) -> float:
    """Return a sum divided by the number of targets that count."""
    return sums[key] / max(sums["count"], 1)


LOSS = Metric("loss", partial(mean, key="loss"), higher_is_better=False)
"""The mean loss, which is the first metric of every loss term."""
