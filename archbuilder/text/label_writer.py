"""Labels on the way to disk: indices of distinct labels, which get their order at the end."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from archbuilder.text.array_file import BLOCK, ArrayReader, ArrayWriter
from archbuilder.text.label import DistinctLabel, Label, label_names
from archbuilder.text.record import SourceLocation


class LabelWriter:
    """Writes the labels of one column.

    Which classes there are, and whether labels are numbers to predict, is not known before the end.
    Until then each label is stored as the index of its first appearance and as a number.
    """

    def __init__(
        self, codes: ArrayWriter, numbers: ArrayWriter | None, distinct: Sequence[DistinctLabel]
    ):
        """Create the writer.

        Args:
            codes: The indices of distinct labels, int32.
            numbers: The labels as numbers, float64, NaN for others; None for tags, which are text.
            distinct: The distinct labels that were written before.
        """
        self.distinct = list(distinct)
        self._codes, self._numbers = codes, numbers
        self._code_of = {_key(one.label): code for code, one in enumerate(self.distinct)}

    def add(self, labels: Iterable[tuple[Label, SourceLocation]]) -> None:
        """Write labels, each with the location of its record."""
        codes, numbers = [], []
        for label, location in labels:
            code = self._code_of.setdefault(_key(label), len(self.distinct))
            if code == len(self.distinct):
                self.distinct.append(DistinctLabel(label, location))
            codes.append(code)
            if self._numbers is not None:
                numbers.append(float(label) if type(label) in (int, float) else np.nan)
        self._codes.add(codes)
        if self._numbers is not None:
            self._numbers.add(numbers)


def _key(label: Label) -> tuple[type, Label | None]:
    """Return what distinguishes a label: 1, 1.0 and true differ. Floats are not distinguished."""
    return type(label), None if isinstance(label, float) else label


def write_final_labels(
    path: Path, codes: ArrayReader, numbers: ArrayReader | None, distinct: Sequence[DistinctLabel]
) -> list:
    """Write the labels of a column as `token_store` describes them.

    Args:
        path: The file to write.
        codes: The indices that `LabelWriter` wrote.
        numbers: The numbers that it wrote, if any.
        distinct: Its distinct labels.

    Returns:
        The type, length and CRC-32 of the array.

    Raises:
        UserError: The labels are of types that do not belong together.
    """
    names, final_codes = label_names(distinct), None
    if names is not None:
        index = {name: place for place, name in enumerate(names)}
        final_codes = np.array([index[one.name] for one in distinct], dtype="int32")
    array = ArrayWriter(path, "float64" if names is None else "int32")
    for first in range(0, len(codes), BLOCK):
        if final_codes is not None:
            array.add(final_codes[codes[first : first + BLOCK]])
        elif numbers is not None:
            array.add(numbers[first : first + BLOCK])
    array.flush()
    array.close()
    return [array.dtype.str, array.length, array.checksum]
