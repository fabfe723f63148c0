"""Pad batches to few shapes, since each shape is compiled, and to rows that devices share."""

import numpy as np

from archbuilder.batches.batch_sampler import BatchSize
from archbuilder.text.batch import Batch

COLUMN_MULTIPLE = 8
"""Arrays that are not as long as the text, such as predicted positions, are padded to multiples."""


class BatchPadder:
    """Adds rows and columns of zeros, which do not count: their masks and weights are zero."""

    def __init__(self, budget: BatchSize, replicas: int, compiled: bool):
        self.budget, self.replicas, self.compiled = budget, replicas, compiled

    def __call__(self, batch: Batch) -> Batch:
        """Return the batch, its rows padded to a multiple of `replicas`.

        If `compiled`, all batches of one length have the same number of rows.
        """
        rows, longest = batch.shape()
        lengths = {mask.shape[1] for mask in batch.padding_masks()}
        if self.compiled:
            rows = max(rows, self.budget.most_rows(longest))
        rows = -(-rows // self.replicas) * self.replicas
        return batch.map_arrays(lambda array: self._padded(array, rows, lengths))

    def _padded(self, array: np.ndarray, rows: int, lengths: set[int]) -> np.ndarray:
        shape = [rows, *array.shape[1:]]
        if self.compiled and array.ndim > 1 and array.shape[1] not in lengths:
            shape[1] = -(-array.shape[1] // COLUMN_MULTIPLE) * COLUMN_MULTIPLE
        if tuple(shape) == array.shape:
            return array
        padded = np.zeros(shape, array.dtype)
        padded[tuple(slice(size) for size in array.shape)] = array
        return padded
