"""Classification objectives, which predict one of several classes, such as a token."""

from collections.abc import Sequence
from typing import ClassVar

from archbuilder.objectives.cross_entropy import (
    CLASSIFICATION_METRICS,
    cross_entropy_sums,
    frequency_baseline,
)
from archbuilder.objectives.loss_term import Tensor
from archbuilder.objectives.metric import Metric
from archbuilder.objectives.objective import Objective
from archbuilder.text.batch import Target


class ClassificationObjective(Objective):
    """The interface of objectives whose loss is the cross-entropy of their head's logits."""

    metrics: ClassVar[tuple[Metric, ...]] = CLASSIFICATION_METRICS

    def sums(self, outputs: Tensor, target: Target) -> dict[str, Tensor]:
        """Return the sums for logits [..., V] and targets [...]; see `cross_entropy_sums`."""
        return cross_entropy_sums(outputs, target)

    def baseline(
        self, train: Sequence[Target], validation: Sequence[Target], num_classes: int
    ) -> dict[str, float]:
        """Return loss and accuracy of predicting the frequencies of the training targets."""
        return frequency_baseline(train, validation, num_classes)
