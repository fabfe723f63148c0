"""Writer of labels: indices of distinct labels, which are converted to class ids at the end."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from archbuilder.text.array_file import BLOCK, ArrayReader, ArrayWriter
from archbuilder.text.label import DistinctLabel, Label, label_names
from archbuilder.text.record import SourceLocation


class LabelWriter:
    """Writer of one label column.

    The classes, and whether the labels are numbers to predict, are known only at the end. Until
    then, each label is stored both as the index of its first occurrence and as a number.
    """

    def __init__(
        self, codes: ArrayWriter, numbers: ArrayWriter | None, distinct: Sequence[DistinctLabel]
    ) -> None:
        """Create the writer.

        Args:
            codes: The array for the indices of distinct labels, int32.
            numbers: The array for the labels as numbers, float64, with NaN for text; None for tags,
                which are always text.
            distinct: The distinct labels that are written already.
        """
        self.distinct = list(distinct)
        self._codes, self._numbers = codes, numbers
        self._code_of = {_key(item.label): code for code, item in enumerate(self.distinct)}

    def append(self, labels: Iterable[tuple[Label, SourceLocation]]) -> None:
        """Append labels, each with the location of its record."""
        codes, numbers = [], []
        for label, location in labels:
            code = self._code_of.setdefault(_key(label), len(self.distinct))
            if code == len(self.distinct):
                self.distinct.append(DistinctLabel(label, location))
            codes.append(code)
            if self._numbers is not None:
                numbers.append(float(label) if type(label) in (int, float) else np.nan)
        self._codes.append(codes)
        if self._numbers is not None:
            self._numbers.append(numbers)


def _key(label: Label) -> tuple[type, Label | None]:
    """Return a key that is equal for equal labels.

    1, 1.0 and true have different keys, and all floats have the same.
    """
    return type(label), None if isinstance(label, float) else label


def write_final_labels(
    path: Path, codes: ArrayReader, numbers: ArrayReader | None, distinct: Sequence[DistinctLabel]
) -> list:
    """Write the labels of a column in the format that `token_store` describes.

    Args:
        path: The file to write.
        codes: The indices that `LabelWriter` wrote.
        numbers: The numbers that it wrote; None for tags.
        distinct: Its distinct labels.

    Returns:
        The type, length and CRC-32 of the array.

    Raises:
        UserError: The labels are of incompatible types.
    """
    names, final_codes = label_names(distinct), None
    if names is not None:
        class_ids = {name: class_id for class_id, name in enumerate(names)}
        final_codes = np.array([class_ids[label.name] for label in distinct], dtype="int32")
    array = ArrayWriter(path, "float64" if names is None else "int32")
    for first in range(0, len(codes), BLOCK):
        if final_codes is not None:
            array.append(final_codes[codes[first : first + BLOCK]])
        elif numbers is not None:
            array.append(numbers[first : first + BLOCK])
    array.flush()
    array.close()
    return [array.dtype.str, array.length, array.checksum]
