"""Batches padded to few shapes, since each shape is compiled, and to rows that devices share."""

import numpy as np

COLUMNS = 8
"""What is not as long as the text, such as what is guessed, is padded to multiples of this."""


class BatchPadder:
    """Rows and columns of nothing, which count for nothing: their masks and weights are zero."""

    def __init__(self, budget, replicas: int, compiled: bool):
        self.budget, self.replicas, self.compiled = budget, replicas, compiled

    def __call__(self, batch: dict) -> dict:
        """The batch, of rows that `replicas` divides; if `compiled`, of one number for a length."""
        masks = [array for name, array in batch.items() if name.endswith("padding_mask")]
        lengths = {mask.shape[1] for mask in masks}
        rows = len(masks[0])
        if self.compiled:
            rows = max(rows, self.budget.most_rows(max(lengths)))
        rows = -(-rows // self.replicas) * self.replicas
        return {name: self._padded(array, rows, lengths) for name, array in batch.items()}

    def _padded(self, array: np.ndarray, rows: int, lengths: set[int]) -> np.ndarray:
        wanted = [rows, *array.shape[1:]]
        if self.compiled and array.ndim > 1 and array.shape[1] not in lengths:
            wanted[1] = -(-array.shape[1] // COLUMNS) * COLUMNS
        if tuple(wanted) == array.shape:
            return array
        found = np.zeros(wanted, array.dtype)
        found[tuple(slice(size) for size in array.shape)] = array
        return found
