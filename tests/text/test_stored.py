"""Arrays on disk: written bit by bit, read where they are asked for, whole or known not to be."""

import numpy as np
import pytest

from archbuilder.text.stored import Growing, Stored, checksum


def written(path, *values, length=0):
    growing = Growing(path, "uint16", length)
    for some in values:
        growing.add(some)
    growing.settle()
    growing.close()
    return path


def test_it_is_a_npy_file(tmp_path):
    path = written(tmp_path / "a.npy", [1, 2], [], [3])
    assert np.load(path).tolist() == [1, 2, 3]


def test_a_slice_is_read_where_it_stands(tmp_path):
    stored = Stored(written(tmp_path / "a.npy", np.arange(1000)))
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


def test_a_file_that_was_cut_is_not_whole(tmp_path):
    path = written(tmp_path / "a.npy", [1, 2, 3])
    assert Stored(path).is_whole()
    path.write_bytes(path.read_bytes()[:-1])
    assert not Stored(path).is_whole()


@pytest.mark.parametrize("size", [0, 10, 2**20 + 1])
def test_a_checksum_tells_every_byte(tmp_path, size):
    (tmp_path / "a").write_bytes(bytes(size))
    before = checksum(tmp_path / "a")
    (tmp_path / "a").write_bytes(bytes(size) + b"\x01")
    assert checksum(tmp_path / "a") != before
