"""Padding that makes the first two batches of a dataset differ in each variable dimension."""

import math
from typing import TypeAlias

import numpy as np

Arrays: TypeAlias = dict[str, np.ndarray]
Sample: TypeAlias = tuple[Arrays, Arrays, Arrays]
"""Inputs, targets and sample weights."""


class VaryingShapes:
    """Adds a column of zeros to the second batch if it is as wide as the first.

    Keras's adapter for TensorFlow infers the shapes of a dataset from its first two batches: a
    dimension that is equal in both must be equal in all batches. If the first two batches have the
    maximum width, they cannot be wider, and all batches are padded to it instead. Zeros have no
    effect, since masks and sample weights are zero.
    """

    def __init__(self, first: Sample, second: Sample, max_width: int | None) -> None:
        """Compare the first two batches.

        Args:
            first: The first batch.
            second: The second batch.
            max_width: Maximum number of columns of any batch. None: unlimited.
        """
        self._max_width = math.inf if max_width is None else max_width
        self._equal_widths = [
            {
                name: array.shape[1]
                for name, array in arrays.items()
                if array.ndim > 1 and array.shape[1] == others[name].shape[1]
            }
            for arrays, others in zip(first, second, strict=True)
        ]

    def __call__(self, index: int, sample: Sample) -> Sample:
        """Return batch `index`, padded."""
        inputs, targets, weights = (
            {name: self._padded(index, array, equal.get(name)) for name, array in arrays.items()}
            for arrays, equal in zip(sample, self._equal_widths, strict=True)
        )
        return inputs, targets, weights

    def _padded(self, index: int, array: np.ndarray, equal_width: int | None) -> np.ndarray:
        if equal_width is None:
            return array
        is_widest = equal_width >= self._max_width
        columns = equal_width - array.shape[1] if is_widest else int(index == 1)
        return np.pad(array, [(0, 0), (0, columns)] + [(0, 0)] * (array.ndim - 2))
