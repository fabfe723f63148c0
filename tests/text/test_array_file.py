"""Array files: writing in steps, reading slices, and checksums."""

import zlib

import numpy as np
import pytest

from archbuilder.text import array_file as module
from archbuilder.text.array_file import ArrayReader, ArrayWriter


def write_array(path, *chunks, length=0):
    writer = ArrayWriter(path, "uint16", length)
    for values in chunks:
        writer.append(values)
    writer.flush()
    writer.close()
    return path


def test_written_file_is_a_npy_file(tmp_path):
    path = write_array(tmp_path / "a.npy", [1, 2], [], [3])
    assert np.load(path).tolist() == [1, 2, 3]


def test_indices_and_slices_are_read(tmp_path):
    stored = ArrayReader(write_array(tmp_path / "a.npy", np.arange(1000)))
    assert stored[10:13].tolist() == [10, 11, 12]
    assert stored[998:2000].tolist() == [998, 999]
    assert stored[5:5].tolist() == []
    assert stored[7] == 7
    assert len(stored[:]) == len(stored) == 1000
    assert stored.dtype == "uint16"


def test_writing_resumes_after_the_given_length(tmp_path):
    path = write_array(tmp_path / "a.npy", [1, 2, 3, 4])
    write_array(path, [9], length=2)
    assert np.load(path).tolist() == [1, 2, 9]


def test_checksum_does_not_depend_on_the_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 2)
    writer = ArrayWriter(tmp_path / "a.npy", "uint16")
    for values in ([1, 2], [], [3, 4, 5]):
        writer.append(values)
    writer.flush()
    writer.close()
    stored = ArrayReader(tmp_path / "a.npy")
    assert writer.checksum == stored.checksum(5) == zlib.crc32(stored[:])
    assert stored.checksum(4) == zlib.crc32(stored[:4])


@pytest.mark.parametrize("damage", ["truncate", "flip"])
def test_checksum_of_damaged_values_differs(tmp_path, damage):
    path = write_array(tmp_path / "a.npy", [1, 2, 3])
    before, content = ArrayReader(path).checksum(3), bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content if damage == "flip" else content[:-2])
    assert ArrayReader(path).checksum(3) != before
