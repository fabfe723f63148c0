"""Loss terms as Keras losses."""

from typing import Any

import keras

from archbuilder.objectives import LossTerm
from archbuilder.text.batch import Target


class TermLoss(keras.losses.Loss):
    """A loss term, summed over the positions of a batch.

    The sample weights of `FitDataset` include the weight of the loss and the number of targets.
    Therefore, the sum is equal to the loss of `archbuild train`.
    """

    def __init__(self, output: str, term: LossTerm) -> None:
        """Create the loss.

        Args:
            output: Name of the output and of its loss term.
            term: The loss term.
        """
        super().__init__(name=output, reduction="sum")
        self._output, self._term = output, term

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the loss, a scalar.

        Args:
            y_true: Integer classes, [B] or [B, M].
            y_pred: The output of the model, such as logits [B, V] or [B, M, V].
            sample_weight: Factor of the loss of each position, in the shape of `y_true`.
        """
        if sample_weight is None:
            raise ValueError(f"{self.name}: sample_weight is missing; use `Experiment.dataset`")
        return self._term.sums({self._output: y_pred}, Target(y_true, sample_weight))["loss"]
