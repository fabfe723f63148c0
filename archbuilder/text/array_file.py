"""One-dimensional .npy files that are written in steps and read in slices."""

import os
import weakref
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

BLOCK = 2**18
"""Number of values that are read at a time."""


class ArrayReader:
    """One-dimensional .npy file whose slices are read from disk when they are taken.

    The file is not memory-mapped, since touched pages of a map count as memory of the process, so
    that a large text would seem to fill it.
    """

    def __init__(self, path: Path) -> None:
        """Open a file. Raise OSError or ValueError if it is not a .npy file."""
        with open(path, "rb") as file:
            np.lib.format.read_magic(file)
            (self._length,), _, self.dtype = np.lib.format.read_array_header_1_0(file)
            self._data_start = file.tell()
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)

    def __len__(self) -> int:
        return self._length

    def checksum(self, length: int) -> int:
        """Return the CRC-32 of the first `length` values, or of all if there are fewer.

        CRC-32 detects accidental corruption at over 1 GB/s; it is not a security check.
        """
        checksum = 0
        for first in range(0, length, BLOCK):
            block = self[first : min(first + BLOCK, length)]
            checksum = zlib.crc32(block.tobytes(), checksum)
        return checksum

    def __getitem__(self, index: int | slice) -> Any:
        """Return the value at an index that is not negative, or those of a slice without a step."""
        if not isinstance(index, slice):
            return self[index : index + 1][0]
        first, last, _ = index.indices(self._length)
        item_size = self.dtype.itemsize
        num_bytes = max(int(last) - int(first), 0) * item_size
        content = os.pread(self._file, num_bytes, self._data_start + int(first) * item_size)
        return np.frombuffer(content, self.dtype)


class ArrayWriter:
    """One-dimensional .npy file that values are appended to; it is readable once it is closed.

    `checksum` is the CRC-32 of all values, as `ArrayReader.checksum` computes it.
    """

    def __init__(self, path: Path, dtype: str, length: int = 0, checksum: int = 0) -> None:
        """Create a file, or reopen one to resume writing.

        Args:
            path: The file.
            dtype: The type of the values.
            length: The number of values of an existing file to keep; the rest is removed.
                Default: a new file.
            checksum: The checksum of these values.
        """
        self.dtype, self.length, self.checksum = np.dtype(dtype), length, checksum
        self._file = open(path, "r+b" if length else "w+b")  # noqa: SIM115
        self._write_header()
        self._file.truncate(self._file.tell() + length * self.dtype.itemsize)
        self._file.seek(0, os.SEEK_END)

    def append(self, values: "ArrayLike") -> None:
        """Append values."""
        array = np.asarray(values, dtype=self.dtype)
        content = array.tobytes()
        self._file.write(content)
        self.checksum = zlib.crc32(content, self.checksum)
        self.length += len(array)

    def flush(self) -> None:
        """Write all values to the disk, so that they survive a crash."""
        self._write_header()
        self._file.seek(0, os.SEEK_END)
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file, without updating the length in its header."""
        self._file.close()

    def _write_header(self) -> None:
        # The format reserves space for a longer length, so that the values need not move.
        self._file.seek(0)
        header = {"descr": self.dtype.str, "fortran_order": False, "shape": (self.length,)}
        np.lib.format.write_array_header_1_0(self._file, header)


def is_intact(array: ArrayReader, recorded: list, allow_longer: bool = False) -> bool:
    """Return whether a file contains the values that were recorded for it.

    Args:
        array: The file.
        recorded: Its type, length and checksum.
        allow_longer: Whether more values may follow.
    """
    dtype, length, checksum = recorded
    long_enough = len(array) >= length if allow_longer else len(array) == length
    return array.dtype.str == dtype and long_enough and array.checksum(length) == checksum
