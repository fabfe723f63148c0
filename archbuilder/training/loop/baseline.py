"""What a model would score that predicts by the frequency of targets alone."""

from collections.abc import Mapping

from archbuilder.batches.batches import Batches
from archbuilder.objectives.loss_term import LossTerm, Tensor

NUM_SAMPLED = 50
"""Training batches from which frequencies are counted."""


def baselines(
    terms: Mapping[str, LossTerm],
    outputs: Mapping[str, Tensor],
    train: Batches,
    validation: Batches,
) -> dict[str, dict[str, float]]:
    """Return the metrics of the baseline of each loss term that has one.

    Args:
        terms: The loss terms by name.
        outputs: The outputs of the graph that is trained.
        train: The batches from which frequencies are counted.
        validation: The batches on which the model was measured.
    """
    sampled = [train[number].targets for number in range(min(NUM_SAMPLED, len(train)))]
    measured = [validation[number].targets for number in range(len(validation))]
    by_frequency = {}
    for name, term in terms.items():
        frequencies = [targets[name] for targets in sampled]
        predicted = [targets[name] for targets in measured]
        if metrics := term.baseline(frequencies, predicted, outputs[name].shape[-1]):
            by_frequency[name] = metrics
    return by_frequency
