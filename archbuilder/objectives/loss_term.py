"""Loss terms: the scored outputs of a training graph, each with its sums and metrics."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np

from archbuilder.objectives.metric import LOSS, Metric
from archbuilder.text.batch import Batch, Target
from archbuilder.text.vocabulary import Vocabulary

Tensor: TypeAlias = Any
"""A tensor of the Keras backend."""

Sums: TypeAlias = dict[str, dict[str, float]]
"""The sums of each loss term, by the names of the terms."""


class Baseline(Protocol):
    """A function that computes the metrics of predicting the frequencies of the targets."""

    def __call__(
        self, train: Sequence[Target], validation: Sequence[Target], num_classes: int
    ) -> dict[str, float]:
        """Return metrics on `validation` by name, the loss first; empty if there is no baseline.

        Args:
            train: Targets of some training batches, whose frequencies are counted.
            validation: Targets of all validation batches.
            num_classes: Width of the model's output.
        """
        ...


def no_baseline(
    train: Sequence[Target], validation: Sequence[Target], num_classes: int
) -> dict[str, float]:
    """Return no metrics, for targets whose frequencies cannot be counted."""
    return {}


@dataclass(frozen=True)
class LossTerm:
    """A loss of one output of the graph, with the metrics of the same output."""

    sums: Callable[[Mapping[str, Tensor], Target], dict[str, Tensor]]
    """Function that computes additive float32 scalars, including "loss" and "count", from the
    outputs of the graph and the target."""
    metrics: tuple[Metric, ...]
    """Metrics that are computed from the sums; `LOSS` is first."""
    factor: float = 1.0
    """Factor of the loss in addition to the weight of its objective. Default: 1."""
    baseline: Baseline = no_baseline
    """Function that computes the metrics of predicting frequencies. Default: no metrics."""
    predicts_ids: bool = True
    """Whether the model predicts the ids of the target. If not, the loss has no target, or the
    graph computes the target. Default: True."""
    training_only: bool = False
    """Whether evaluations skip this term. Default: False."""


class TrainingLoss(Protocol):
    """A source of loss terms in training: an objective, or a regularizer of the backbone."""

    def prepare_batch(
        self, name: str, batch: Batch, rng: "np.random.Generator", vocabulary: Vocabulary
    ) -> None:
        """Add the targets of its loss terms to `batch`, in place."""
        ...

    def terms(self, name: str) -> dict[str, LossTerm]:
        """Return its loss terms by name."""
        ...

    def weight_at(self, step: int | None, steps: int | None) -> float:
        """Return the weight of its losses at a step of a run of `steps` steps."""
        ...


def loss_terms(losses: Mapping[str, TrainingLoss]) -> dict[str, LossTerm]:
    """Return the loss terms of all losses, in order."""
    return {
        term_name: term
        for name, loss in losses.items()
        for term_name, term in loss.terms(name).items()
    }


def loss_weights(
    losses: Mapping[str, TrainingLoss], step: int | None, steps: int | None
) -> dict[str, float]:
    """Return the weight of each loss term at a step.

    Args:
        losses: Losses by name.
        step: Step, from 1. None: the last step.
        steps: Number of steps of the run. None: unknown.
    """
    return {
        term_name: loss.weight_at(step, steps) * term.factor
        for name, loss in losses.items()
        for term_name, term in loss.terms(name).items()
    }


def metrics_from_sums(
    terms: Mapping[str, LossTerm], sums: Sums, weights: Mapping[str, float]
) -> dict[str, float]:
    """Return the weighted sum of all losses, and the metrics of each term as `TERM_METRIC`.

    Args:
        terms: Loss terms by name.
        sums: Sums of each loss term, by name.
        weights: Weights of the loss terms, by name.
    """
    values = {LOSS.name: 0.0}
    for name, term_sums in sums.items():
        values[LOSS.name] += weights[name] * term_sums["loss"] / max(term_sums["count"], 1)
        for metric in terms[name].metrics:
            values[f"{name}_{metric.name}"] = metric.from_sums(term_sums)
    return values


def evaluation_metrics(terms: Mapping[str, LossTerm]) -> dict[str, Metric]:
    """Return the metrics of an evaluation by name: the loss, and the metrics of each term."""
    term_metrics = {
        f"{name}_{metric.name}": metric
        for name, term in terms.items()
        if not term.training_only
        for metric in term.metrics
    }
    return {LOSS.name: LOSS} | term_metrics


def printed_metrics(terms: Mapping[str, LossTerm]) -> dict[str, list[str]]:
    """Return the metrics that the console shows besides the loss, for each evaluated term."""
    return {
        name: [metric.name for metric in term.metrics if metric.is_printed and metric is not LOSS]
        for name, term in terms.items()
        if not term.training_only
    }
