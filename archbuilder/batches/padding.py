"""Padding of batches to few shapes, each of which is compiled, and to rows for all devices."""

import numpy as np

from archbuilder.batches.batch_sampler import BatchSize
from archbuilder.text.batch import Batch

COLUMN_MULTIPLE = 8
"""Arrays of another length than the text, such as predicted positions, are padded to multiples."""


class BatchPadder:
    """Adds rows and columns of zeros, which have no effect: their masks and weights are zero."""

    def __init__(self, batch_size: BatchSize, replicas: int, compiled: bool) -> None:
        """Create the padder.

        Args:
            batch_size: The capacity of a batch.
            replicas: Number of devices that share the rows of a batch.
            compiled: Whether all batches of one length get the same number of rows.
        """
        self.batch_size, self.replicas, self.compiled = batch_size, replicas, compiled

    def __call__(self, batch: Batch) -> Batch:
        """Return the batch, its rows padded to a multiple of `replicas`."""
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
