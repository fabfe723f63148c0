"""Arrays on disk: written bit by bit, read where they are asked for, whole or known not to be."""

import zlib

import numpy as np
import pytest

from archbuilder.text import array_file as module
from archbuilder.text.array_file import ArrayReader, ArrayWriter


def written(path, *values, length=0):
    growing = ArrayWriter(path, "uint16", length)
    for some in values:
        growing.append(some)
    growing.flush()
    growing.close()
    return path


def test_it_is_a_npy_file(tmp_path):
    path = written(tmp_path / "a.npy", [1, 2], [], [3])
    assert np.load(path).tolist() == [1, 2, 3]


def test_a_slice_is_read_where_it_stands(tmp_path):
    stored = ArrayReader(written(tmp_path / "a.npy", np.arange(1000)))
    assert stored[10:13].tolist() == [10, 11, 12]
    assert stored[998:2000].tolist() == [998, 999]
    assert stored[5:5].tolist() == []
    assert stored[7] == 7
    assert len(stored[:]) == len(stored) == 1000
    assert stored.dtype == "uint16"


def test_writing_goes_on_behind_what_is_kept(tmp_path):
    path = written(tmp_path / "a.npy", [1, 2, 3, 4])
    written(path, [9], length=2)
    assert np.load(path).tolist() == [1, 2, 9]


def test_the_checksum_is_that_of_the_values_however_they_were_added(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 2)
    growing = ArrayWriter(tmp_path / "a.npy", "uint16")
    for values in ([1, 2], [], [3, 4, 5]):
        growing.append(values)
    growing.flush()
    growing.close()
    stored = ArrayReader(tmp_path / "a.npy")
    assert growing.checksum == stored.checksum(5) == zlib.crc32(stored[:])
    assert stored.checksum(4) == zlib.crc32(stored[:4])


@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_damaged_values_have_another_checksum(tmp_path, damage):
    path = written(tmp_path / "a.npy", [1, 2, 3])
    before, content = ArrayReader(path).checksum(3), bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content if damage == "flip" else content[:-2])
    assert ArrayReader(path).checksum(3) != before
