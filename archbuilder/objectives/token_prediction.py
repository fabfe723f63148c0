"""Objectives of a decoder, which predict each token from the tokens before it."""

from collections.abc import Sequence

from archbuilder.network.layer import Probability
from archbuilder.objectives.classification import ClassificationObjective
from archbuilder.objectives.cross_entropy import cross_entropy_sums, frequency_baseline
from archbuilder.objectives.loss_term import Tensor
from archbuilder.text.batch import Target


class TokenPrediction(ClassificationObjective):
    """The interface of token prediction, with label smoothing."""

    label_smoothing: Probability = 0.0
    """Fraction of the target probability that is spread evenly over the vocabulary (Szegedy et al.,
    2016, section 7)."""

    def sums(self, outputs: Tensor, target: Target) -> dict[str, Tensor]:
        """Return the sums for logits [B, T, V] and targets [B, T]; see `cross_entropy_sums`."""
        return cross_entropy_sums(outputs, target, self.label_smoothing)

    def baseline(
        self, train: Sequence[Target], validation: Sequence[Target], num_classes: int
    ) -> dict[str, float]:
        """Return the loss and accuracy of predicting the frequencies of the training targets."""
        return frequency_baseline(train, validation, num_classes, self.label_smoothing)
