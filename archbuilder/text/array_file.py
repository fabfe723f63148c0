"""Arrays on disk that grow while they are written, and are read where they are asked for."""

import os
import weakref
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

BLOCK = 2**18
"""Values read at a time."""


class ArrayReader:
    """A one-dimensional .npy file; a slice of it is an array, read when it is taken.

    Not mapped: the pages of a map that were touched count as the process's own memory, so that a
    large text would seem to fill it.
    """

    def __init__(self, path: Path):
        with open(path, "rb") as file:
            np.lib.format.read_magic(file)
            (self._length,), _, self.dtype = np.lib.format.read_array_header_1_0(file)
            self._begin = file.tell()
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)

    def __len__(self) -> int:
        return self._length

    def checksum(self, length: int) -> int:
        """CRC-32 of the first `length` values, or of those there are.

        It finds accidents at a gigabyte a second or more, and no one forges tokens.
        """
        found = 0
        for first in range(0, length, BLOCK):
            found = zlib.crc32(self[first : min(first + BLOCK, length)].tobytes(), found)
        return found

    def __getitem__(self, place: int | slice) -> Any:
        """The values of a slice without a step, or the value at a place that is not negative."""
        if not isinstance(place, slice):
            return self[place : place + 1][0]
        first, last, _ = place.indices(self._length)
        wide = self.dtype.itemsize
        wanted = max(int(last) - int(first), 0) * wide
        content = os.pread(self._file, wanted, self._begin + int(first) * wide)
        return np.frombuffer(content, self.dtype)


class ArrayWriter:
    """A .npy file that values are added to; it can be read once it is closed.

    `checksum` is that of all its values, as `ArrayReader` has it.
    """

    def __init__(self, path: Path, dtype: str, length: int = 0, checksum: int = 0):
        """The first `length` values of an existing file are kept, and what stands behind goes."""
        self.dtype, self.length, self.checksum = np.dtype(dtype), length, checksum
        self._file = open(path, "r+b" if length else "w+b")  # noqa: SIM115
        self._write_header()
        self._file.truncate(self._file.tell() + length * self.dtype.itemsize)
        self._file.seek(0, os.SEEK_END)

    def add(self, values: ArrayLike) -> None:
        array = np.asarray(values, dtype=self.dtype)
        content = array.tobytes()
        self._file.write(content)
        self.checksum = zlib.crc32(content, self.checksum)
        self.length += len(array)

    def flush(self) -> None:
        """Have all that was written on the disk."""
        self._write_header()
        self._file.seek(0, os.SEEK_END)
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()

    def _write_header(self) -> None:
        # The format leaves room for the length to grow, so that the values stay where they are.
        self._file.seek(0)
        header = {"descr": self.dtype.str, "fortran_order": False, "shape": (self.length,)}
        np.lib.format.write_array_header_1_0(self._file, header)


def is_intact(array: ArrayReader, written: list, more: bool = False) -> bool:
    """Whether a file has the values that were noted of it, with `more` behind them or without."""
    dtype, length, checksum = written
    long_enough = len(array) >= length if more else len(array) == length
    return array.dtype.str == dtype and long_enough and array.checksum(length) == checksum
