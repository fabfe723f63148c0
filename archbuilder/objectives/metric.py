"""Metrics: numbers computed from sums, which can be added over batches, devices and processes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial


@dataclass(frozen=True)
class Metric:
    """A number that is computed from the additive sums of a loss term."""

    name: str
    """Name of the metric; metrics.jsonl has it after the name of the loss term."""
    from_sums: Callable[[Mapping[str, float]], float]
    """Function that computes the metric from the sums over all batches, which include "loss" and
    "count"."""
    higher_is_better: bool
    """Whether a higher value is better."""
    is_printed: bool = True
    """Whether the console shows it. Default: True."""


def mean(sums: Mapping[str, float], key: str) -> float:
    """Return the sum `key` divided by the number of targets."""
    return sums[key] / max(sums["count"], 1)


LOSS = Metric("loss", partial(mean, key="loss"), higher_is_better=False)
"""Mean loss, the first metric of every loss term."""
