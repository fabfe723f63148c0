"""The loss of an output of a model, as Keras's `compile` takes it."""

from typing import Any

import keras

from archbuilder.objectives import LossTerm
from archbuilder.text.batch import Target


class TermLoss(keras.losses.Loss):
    """A loss term, summed over the positions of a batch.

    The sample weights of `FitDataset` contain the weight of the loss and the number of targets, so
    that the sum is the loss of `archbuild train`.
    """

    def __init__(self, output: str, term: LossTerm) -> None:
        """Create the loss of an output, whose name is that of the loss term."""
        super().__init__(name=output, reduction="sum")
        self._output, self._term = output, term

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the loss, a scalar.

        Args:
            y_true: Integer classes, [B] or [B, M].
            y_pred: The output of the model.
            sample_weight: What the loss of each position is multiplied by, shaped as `y_true`.
        """
        if sample_weight is None:
            raise ValueError(f"{self.name}: the loss needs the sample weights of the dataset")
        return self._term.sums({self._output: y_pred}, Target(y_true, sample_weight))["loss"]
