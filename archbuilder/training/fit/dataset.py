"""The batches of a spec, as datasets for Keras's `fit` and `evaluate`."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property

import keras
import numpy as np

from archbuilder.batches.batches import Batches
from archbuilder.batches.padding import BatchPadder
from archbuilder.objectives import loss_terms, loss_weights
from archbuilder.text.batch import Batch
from archbuilder.training.engines.engine import loss_scales
from archbuilder.training.fit.varying_shapes import Sample, VaryingShapes


class FitDataset(keras.utils.PyDataset, ABC):
    """The interface of datasets of (inputs, targets, sample weights), as dictionaries of arrays.

    The keys of inputs are the inputs of the model; those of targets and sample weights are its
    outputs. The loss of a batch is the sum of loss times sample weight over all positions.
    """

    def __init__(self, batches: Batches, pad: BatchPadder, steps: int) -> None:
        """Create the dataset.

        Args:
            batches: The batches.
            pad: Pads batches as for training.
            steps: Number of steps of the run, on which weights of losses may depend.
        """
        super().__init__()
        self._batches, self._pad, self._steps = batches, pad, steps
        first, second = (self._sample(index, self._batch(index)) for index in (0, 1))
        self._vary = VaryingShapes(first, second, batches.batch_size.max_length)

    @property
    @abstractmethod
    def num_batches(self) -> int | None:
        """The number of batches; None if the dataset is infinite."""

    def __getitem__(self, index: int) -> Sample:
        """Return batch `index`."""
        return self._vary(index, self._sample(index, self._batch(index)))

    @abstractmethod
    def _scales(self, index: int, batch: Batch) -> Mapping[str, np.float32]:
        """Return the factor of the summed loss of each output."""

    def _batch(self, index: int) -> Batch:
        return self._pad(self._batches[index])

    def _sample(self, index: int, batch: Batch) -> Sample:
        scales = self._scales(index, batch)
        targets = {name: batch.targets[name].ids for name in scales}
        weights = {name: batch.targets[name].weights * scale for name, scale in scales.items()}
        return batch.inputs, targets, weights


class TrainingDataset(FitDataset):
    """The training batches of all epochs, without end.

    Keras does not shuffle an infinite dataset, so that the order is the same as in
    `archbuild train`.
    """

    @property
    def num_batches(self) -> None:
        """None, as there is no end; pass `steps_per_epoch` to `fit`."""
        return None

    def _scales(self, index: int, batch: Batch) -> Mapping[str, np.float32]:
        return loss_scales([batch], loss_weights(self._batches.losses, index + 1, self._steps))


class EvaluationDataset(FitDataset):
    """The batches of an epoch, for evaluation.

    Keras averages the losses of batches by their numbers of rows. The sample weights turn this
    into the loss over all targets of the epoch, divided by their number.
    """

    @property
    def num_batches(self) -> int:
        """The number of batches."""
        return len(self._batches)

    def _scales(self, index: int, batch: Batch) -> Mapping[str, np.float32]:
        rows, _ = batch.shape()
        return {name: np.float32(scale / rows) for name, scale in self._scale_per_row.items()}

    @cached_property
    def _scale_per_row(self) -> dict[str, float]:
        """Weight times the number of rows, divided by the number of targets, by output."""
        batches = [self._batch(index) for index in range(len(self._batches))]
        rows = sum(batch.shape()[0] for batch in batches)
        weights = loss_weights(self._batches.losses, self._steps, self._steps)
        return {
            name: 0.0 if term.training_only else rows * float(scale)
            for (name, term), scale in zip(
                loss_terms(self._batches.losses).items(),
                loss_scales(batches, weights).values(),
                strict=True,
            )
        }
