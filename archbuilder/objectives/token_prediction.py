"""Objectives of a decoder: predict each token from those before it."""

from collections.abc import Sequence

from archbuilder.network.layer import Probability
from archbuilder.objectives.classification import ClassificationObjective
from archbuilder.objectives.cross_entropy import cross_entropy_sums, frequency_baseline
from archbuilder.objectives.loss_term import Tensor
from archbuilder.text.batch import Target


class TokenPrediction(ClassificationObjective):
    """The interface of these, whose labels may be smoothed."""

    label_smoothing: Probability = 0.0
    """Share of probability spread over the whole vocabulary."""

    def sums(self, outputs: Tensor, target: Target) -> dict[str, Tensor]:
        """Return the sums of logits [B, T, V] and token ids [B, T]."""
        return cross_entropy_sums(outputs, target, self.label_smoothing)

    def baseline(
        self, train: Sequence[Target], validation: Sequence[Target], num_classes: int
    ) -> dict[str, float]:
        """Return loss and accuracy of predicting each token with its frequency in training."""
        return frequency_baseline(train, validation, num_classes, self.label_smoothing)
