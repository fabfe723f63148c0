"""Baseline metrics of predicting by the frequency of targets."""

from collections.abc import Mapping

from archbuilder.batches.batches import Batches
from archbuilder.objectives.loss_term import LossTerm, Tensor

NUM_SAMPLED = 50
"""Number of training batches in which targets are counted."""


def baselines(
    terms: Mapping[str, LossTerm],
    outputs: Mapping[str, Tensor],
    train: Batches,
    validation: Batches,
) -> dict[str, dict[str, float]]:
    """Return the metrics of the baseline of each loss term that has one.

    Args:
        terms: The loss terms by name.
        outputs: The outputs of the model that is trained.
        train: The batches in which targets are counted.
        validation: The batches on which the model was evaluated.
    """
    train_targets = [train[number].targets for number in range(min(NUM_SAMPLED, len(train)))]
    validation_targets = [validation[number].targets for number in range(len(validation))]
    by_term = {}
    for name, term in terms.items():
        counted = [targets[name] for targets in train_targets]
        predicted = [targets[name] for targets in validation_targets]
        if metrics := term.baseline(counted, predicted, outputs[name].shape[-1]):
            by_term[name] = metrics
    return by_term
