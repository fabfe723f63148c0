"""Let the first two batches of a dataset differ wherever later ones may."""

import math
from typing import TypeAlias

import numpy as np

Arrays: TypeAlias = dict[str, np.ndarray]
Sample: TypeAlias = tuple[Arrays, Arrays, Arrays]
"""Inputs, targets and sample weights."""


class VaryingShapes:
    """Adds a column of zeros to the second batch where it is as wide as the first.

    Keras's adapter for TensorFlow takes the shapes of a dataset from its first two batches: where
    they agree, no later batch may differ. A batch that is as wide as possible cannot be wider; then
    all batches are padded to that width. Zeros do not count, as masks and sample weights are zero.
    """

    def __init__(self, first: Sample, second: Sample, max_width: int | None) -> None:
        """Compare the first two batches, of at most `max_width` columns."""
        self._max_width = math.inf if max_width is None else max_width
        self._equal = [
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
            for arrays, equal in zip(sample, self._equal, strict=True)
        )
        return inputs, targets, weights

    def _padded(self, index: int, array: np.ndarray, equal_width: int | None) -> np.ndarray:
        if equal_width is None:
            return array
        is_widest = equal_width >= self._max_width
        columns = equal_width - array.shape[1] if is_widest else int(index == 1)
        return np.pad(array, [(0, 0), (0, columns)] + [(0, 0)] * (array.ndim - 2))
