"""Padding of batches, to limit the number of compiled shapes and to split rows over devices."""

import numpy as np

from archbuilder.batches.batch_sampler import BatchSize
from archbuilder.text.batch import Batch

COLUMN_MULTIPLE = 8
"""Multiple to which the length of arrays other than the text is padded, as predicted positions."""


class BatchPadder:
    """A function that adds rows and columns of zeros. Their masks and weights are 0."""

    def __init__(self, batch_size: BatchSize, replicas: int, compiled: bool) -> None:
        """Create the padder.

        Args:
            batch_size: The capacity of a batch.
            replicas: Number of copies of the model, over which the rows of a batch are split.
            compiled: Whether the training step is compiled. If so, batches of the same length
                get the same number of rows, and `COLUMN_MULTIPLE` applies.
        """
        self.batch_size, self.replicas, self.compiled = batch_size, replicas, compiled

    def __call__(self, batch: Batch) -> Batch:
        """Return the padded batch. Its number of rows is a multiple of `replicas`."""
        rows, length = batch.shape()
        lengths = {mask.shape[1] for mask in batch.padding_masks()}
        if self.compiled:
            rows = max(rows, self.batch_size.max_rows(length))
        rows = -(-rows // self.replicas) * self.replicas
        return batch.map_arrays(lambda array: self._pad(array, rows, lengths))

    def _pad(self, array: np.ndarray, rows: int, lengths: set[int]) -> np.ndarray:
        shape = [rows, *array.shape[1:]]
        if self.compiled and array.ndim > 1 and array.shape[1] not in lengths:
            shape[1] = -(-array.shape[1] // COLUMN_MULTIPLE) * COLUMN_MULTIPLE
        if tuple(shape) == array.shape:
            return array
        padded = np.zeros(shape, array.dtype)
        padded[tuple(slice(size) for size in array.shape)] = array
        return padded
