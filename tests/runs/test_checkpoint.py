"""Checkpoints are complete or absent, and damage is noticed."""

import numpy as np
import pytest

from archbuilder.runs import checkpoint

ARRAYS = {"00000|weight": np.arange(6.0).reshape(2, 3), "00001|seed": np.array([1, 2])}


def test_what_is_written_is_read(tmp_path):
    checkpoint.write(tmp_path / "step-1", ARRAYS, {"step": 1})
    arrays, state = checkpoint.read(tmp_path / "step-1")
    assert state["step"] == 1
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)


@pytest.mark.parametrize("file", [checkpoint.ARRAYS, checkpoint.STATE, checkpoint.SUMS])
@pytest.mark.parametrize("damage", ["cut", "flip", "delete"])
def test_damage_is_noticed_by_name(tmp_path, file, damage):
    folder = tmp_path / "step-1"
    checkpoint.write(folder, ARRAYS, {"step": 1})
    content = (folder / file).read_bytes()
    if damage == "cut":
        (folder / file).write_bytes(content[: len(content) // 2])
    elif damage == "flip":
        (folder / file).write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
    else:
        (folder / file).unlink()
    with pytest.raises(checkpoint.DamagedCheckpoint, match="step-1"):
        checkpoint.read(folder)


def test_a_save_that_was_cut_off_leaves_no_checkpoint(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        checkpoint.write(tmp_path / "step-1", ARRAYS, {"step": 1})
    assert checkpoint.steps(tmp_path) == []


def test_the_newest_two_and_the_best_are_kept(tmp_path):
    for step in range(1, 6):
        checkpoint.write(tmp_path / f"step-{step}", {}, {"step": step})
    checkpoint.prune(tmp_path, best=tmp_path / "step-2")
    assert [path.name for path in checkpoint.steps(tmp_path)] == ["step-2", "step-4", "step-5"]
