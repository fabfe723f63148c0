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
    """Computes the metrics of predicting by the frequency of targets alone."""

    def __call__(
        self, train: Sequence[Target], validation: Sequence[Target], num_classes: int
    ) -> dict[str, float]:
        """Return metrics on `validation` by name, the loss first; empty if there is no baseline.

        Args:
            train: Targets of some training batches, for the frequencies.
            validation: Targets of all validation batches.
            num_classes: The width of the model's output.
        """
        ...


def no_baseline(
    train: Sequence[Target], validation: Sequence[Target], num_classes: int
) -> dict[str, float]:
    """Return no metrics: targets have no frequencies."""
    return {}


@dataclass(frozen=True)
class LossTerm:
    """One loss that is added to the others, with the metrics of the same output."""

    sums: Callable[[Mapping[str, Tensor], Target], dict[str, Tensor]]
    """Computes additive float32 scalars, "loss" and "count" among them, from the outputs of the
    graph and the target."""
    metrics: tuple[Metric, ...]
    """What is computed from the sums; `LOSS` comes first."""
    factor: float = 1.0
    """What the loss is multiplied by beside the weight of its objective. Default: 1.0."""
    baseline: Baseline = no_baseline
    """Computes the metrics of predicting by frequency. Default: no metrics."""
    predicts_ids: bool = True
    """Whether the ids of the target are what the model predicts; otherwise the loss has no target,
    or the graph computes it. Default: True."""
    training_only: bool = False
    """Whether it is left out of evaluations. Default: False."""


class TrainingLoss(Protocol):
    """Adds loss terms to training: an objective, or a regularizer of the backbone."""

    def prepare_batch(
        self, name: str, batch: Batch, rng: np.random.Generator, vocabulary: Vocabulary
    ) -> None:
        """Add the targets of its loss terms to a batch, in place."""
        ...

    def terms(self, name: str) -> dict[str, LossTerm]:
        """Return its loss terms by name."""
        ...

    def weight_at(self, step: int | None, steps: int | None) -> float:
        """Return what its losses are multiplied by at a step of a run of `steps` steps."""
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
    """Return what each loss term is multiplied by at a step of a run of `steps` steps.

    `None` stands for the last step, or for a number of steps that is not known.
    """
    return {
        term_name: loss.weight_at(step, steps) * term.factor
        for name, loss in losses.items()
        for term_name, term in loss.terms(name).items()
    }


def metrics_from_sums(
    terms: Mapping[str, LossTerm], sums: Sums, weights: Mapping[str, float]
) -> dict[str, float]:
    """Return the weighted loss of all terms, and the metrics of each, as `TERM_METRIC`."""
    values = {LOSS.name: 0.0}
    for name, term_sums in sums.items():
        values[LOSS.name] += weights[name] * term_sums["loss"] / max(term_sums["count"], 1)
        for metric in terms[name].metrics:
            values[f"{name}_{metric.name}"] = metric.from_sums(term_sums)
    return values


def evaluation_metrics(terms: Mapping[str, LossTerm]) -> dict[str, Metric]:
    """Return the metrics of an evaluation by their names: the loss, and those of each term."""
    own = {
        f"{name}_{metric.name}": metric
        for name, term in terms.items()
        if not term.training_only
        for metric in term.metrics
    }
    return {LOSS.name: LOSS} | own


def printed_metrics(terms: Mapping[str, LossTerm]) -> dict[str, list[str]]:
    """Return, for each term that is evaluated, the metrics that the console shows by its loss."""
    return {
        name: [metric.name for metric in term.metrics if metric.is_printed and metric is not LOSS]
        for name, term in terms.items()
        if not term.training_only
    }
