"""Checkpoints are complete or absent, and damage is detected."""

import ml_dtypes
import numpy as np
import pytest

from archbuilder import UserError
from archbuilder.runs import checkpoint
from archbuilder.runs.checkpoint import (
    CHECKSUMS,
    STATE,
    VARIABLES,
    Checkpoint,
    DamagedCheckpointError,
    read_checkpoint,
    write_checkpoint,
)
from archbuilder.runs.checkpoint_store import CheckpointStore

ARRAYS = {"layer/weight": np.arange(6.0).reshape(2, 3), "layer/seed": np.array([1, 2])}
CHECKPOINT = Checkpoint(ARRAYS, {"step": 1})


def at_step(step, variables=ARRAYS):
    return Checkpoint(variables, {"step": step})


def test_a_checkpoint_is_read_as_it_was_written(tmp_path):
    write_checkpoint(tmp_path / "step-1", CHECKPOINT)
    restored = read_checkpoint(tmp_path / "step-1")
    assert restored.state == {"step": 1}
    assert restored.variables.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(restored.variables[name], array)


@pytest.mark.parametrize(
    "dtype", ["float32", "float16", ml_dtypes.bfloat16, "int32", "int64", "uint32", "bool"]
)
@pytest.mark.parametrize("shape", [(), (3,), (0, 2)])
def test_dtypes_and_shapes_are_preserved(tmp_path, dtype, shape):
    array = np.ones(shape, dtype)
    write_checkpoint(tmp_path / "step-1", Checkpoint({"x": array}, {}))
    restored = read_checkpoint(tmp_path / "step-1").variables["x"]
    assert (restored.dtype, restored.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(restored, array)


def test_arrays_in_other_memory_orders_keep_their_values(tmp_path):
    array = np.arange(6.0).reshape(2, 3)
    write_checkpoint(tmp_path / "step-1", Checkpoint({"x": array.T, "y": array[:, ::2]}, {}))
    restored = read_checkpoint(tmp_path / "step-1").variables
    np.testing.assert_array_equal(restored["x"], array.T)
    np.testing.assert_array_equal(restored["y"], array[:, ::2])


@pytest.mark.parametrize("file", [VARIABLES, STATE, CHECKSUMS])
@pytest.mark.parametrize("damage", ["truncate", "flip", "delete"])
def test_damage_is_reported_with_the_name_of_the_folder(tmp_path, file, damage):
    folder = tmp_path / "step-1"
    write_checkpoint(folder, CHECKPOINT)
    content = (folder / file).read_bytes()
    if damage == "truncate":
        (folder / file).write_bytes(content[: len(content) // 2])
    elif damage == "flip":
        (folder / file).write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
    else:
        (folder / file).unlink()
    with pytest.raises(DamagedCheckpointError, match="step-1"):
        read_checkpoint(folder)


def test_an_interrupted_save_leaves_no_checkpoint(tmp_path, monkeypatch):
    def raise_disk_full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "_write_variables", raise_disk_full)
    with pytest.raises(OSError, match="No space"):
        write_checkpoint(tmp_path / "step-1", CHECKPOINT)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_save_keeps_the_previous_checkpoint(tmp_path, monkeypatch):
    write_checkpoint(tmp_path / "step-1", CHECKPOINT)
    monkeypatch.setattr(checkpoint, "sha256", lambda path: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_checkpoint(tmp_path / "step-1", at_step(2))
    monkeypatch.undo()
    assert read_checkpoint(tmp_path / "step-1").state == {"step": 1}


def test_the_old_format_is_not_reported_as_damage(tmp_path):
    store = CheckpointStore(tmp_path)
    store.save(at_step(1), None, keep=2)
    store.folder(2).mkdir()
    (store.folder(2) / "arrays.npz").touch()
    with pytest.raises(UserError, match=r"step-0000002: written by an earlier version"):
        store.newest(print)


def test_saving_keeps_the_newest_two_checkpoints_and_the_best(tmp_path):
    store = CheckpointStore(tmp_path)
    for step in range(1, 6):
        store.save(at_step(step), best_step=min(step, 2), keep=2)
    assert store.folders() == [store.folder(step) for step in (2, 4, 5)]


def test_unscheduled_checkpoints_are_not_counted_by_keep(tmp_path):
    store = CheckpointStore(tmp_path)
    for step, stopped in ((1, False), (2, False), (3, True)):
        store.save(at_step(step), None, keep=2, stopped=stopped)
    assert store.folders() == [store.folder(1), store.folder(2), store.folder(3, stopped=True)]
    store.save(at_step(4), None, keep=2)
    assert store.folders() == [store.folder(2), store.folder(4)]


def test_saving_removes_files_of_an_interrupted_save(tmp_path):
    store = CheckpointStore(tmp_path)
    (tmp_path / ".step-0000001.part").mkdir()
    store.save(at_step(2), None, keep=2)
    assert list(tmp_path.iterdir()) == [store.folder(2)]


def test_checkpoints_are_sorted_by_step_and_other_folders_are_ignored(tmp_path):
    for name in ("step-0000009", "step-10000000", "step-9999999", "step-0000009.bak", "step-x"):
        (tmp_path / name).mkdir()
    (tmp_path / "step-0000001").write_text("")
    names = [path.name for path in CheckpointStore(tmp_path).folders()]
    assert names == ["step-0000009", "step-9999999", "step-10000000"]


def test_the_mean_matches_variables_by_name_and_takes_the_last_counter(tmp_path):
    store = CheckpointStore(tmp_path)
    first = {"a": np.float32([1, 3]), "b": np.float32([0]), "n": np.int64(1)}
    second = {"n": np.int64(2), "b": np.float32([2]), "a": np.float32([3, 5])}
    store.save(at_step(1, first), None, keep=2)
    store.save(at_step(2, second), None, keep=2)
    mean, count = store.mean(5, print)
    assert count == 2
    assert {name: array.tolist() for name, array in mean.items()} == {
        "a": [2.0, 4.0],
        "b": [1.0],
        "n": 2,
    }


def test_bfloat16_variables_are_averaged(tmp_path):
    store = CheckpointStore(tmp_path)
    for step in (1, 2):
        array = np.array([step, 2 * step], ml_dtypes.bfloat16)
        store.save(at_step(step, {"a": array}), None, keep=2)
    mean, _ = store.mean(2, print)
    assert mean["a"].dtype == ml_dtypes.bfloat16
    assert mean["a"].tolist() == [1.5, 3.0]
