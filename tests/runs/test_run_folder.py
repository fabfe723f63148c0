"""A run folder never loses other files, nor a run that was not replaced completely."""

import multiprocessing
import shutil
from pathlib import Path

import pytest

from archbuilder import UserError, load
from archbuilder.language import to_yaml
from archbuilder.runs.checkpoint import VARIABLES, Checkpoint, read_checkpoint, write_checkpoint
from archbuilder.runs.run_folder import RunFolder
from tests import small_run


def experiment(folder, name="spec", **training):
    spec = small_run.transformer(folder, steps=2, evaluate_every=1, **training)
    return load(small_run.write(spec, folder / f"{name}.yaml"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    spec = experiment(folder)
    spec.train(folder / "run")
    return spec, folder / "run"


@pytest.fixture
def run(finished, tmp_path):
    """Return a copy of a finished run, which a test may damage."""
    spec, folder = finished
    return spec, Path(shutil.copytree(folder, tmp_path / "run"))


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("restart", [False, True])
def test_a_folder_with_other_files_is_not_changed(finished, tmp_path, restart):
    spec, _ = finished
    (tmp_path / "spec.yaml").write_text("name: mine\n")
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "mine").write_text("")
    before = content(tmp_path)
    with pytest.raises(UserError, match=r"has no spec.yaml of a run; use another --run folder"):
        spec.train(tmp_path, restart=restart)
    assert content(tmp_path) == before


def test_a_file_is_rejected_as_run_folder(finished, tmp_path):
    spec, _ = finished
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file: is a file, not a run folder"):
        spec.train(tmp_path / "file")


def test_a_failed_restart_keeps_the_old_run(run, tmp_path):
    spec, folder = run
    before = content(folder)
    parallel = spec.data.train.model_copy(update={"source": str(tmp_path / "none")})
    data = spec.data.model_copy(update={"train": parallel})
    with pytest.raises(UserError, match="none: No such file"):
        spec.model_copy(update={"data": data}).train(folder, restart=True)
    assert content(folder) == before


def test_a_model_without_checkpoints_is_not_overwritten(run):
    spec, folder = run
    shutil.rmtree(folder / "checkpoints")
    before = content(folder)
    with pytest.raises(UserError, match="contains a model but no checkpoint"):
        spec.train(folder)
    changed = spec.model_copy(update={"training": spec.training.model_copy(update={"steps": 9})})
    with pytest.raises(UserError, match=r"training.steps: 2 -> 9"):
        changed.train(folder)
    assert content(folder) == before


def test_resuming_requires_the_same_text_and_tokenizer(run):
    spec, folder = run
    newest = RunFolder(folder).checkpoints.folders()[-1]
    stored = read_checkpoint(newest)
    for name in ("data.train", "data.validation", "tokenizer"):
        text = stored.state["text"] | {name: "another"}
        write_checkpoint(newest, Checkpoint(stored.variables, stored.state | {"text": text}))
        with pytest.raises(UserError, match=f": {name} changed since the checkpoint"):
            spec.train(folder)


def test_a_missing_tokenizer_is_not_trained_again(run):
    spec, folder = run
    shutil.rmtree(folder / "tokenizer")
    with pytest.raises(UserError, match="tokenizer: not found"):
        spec.train(folder)


@pytest.mark.parametrize("damage", ["deleted", "truncated"])
def test_the_best_model_is_restored_from_its_checkpoint(run, damage, capsys):
    import keras

    spec, folder = run
    weights = keras.saving.load_model(folder / "model.keras").get_weights()
    if damage == "deleted":
        (folder / "model.keras").unlink()
    else:
        (folder / "model.keras").write_bytes((folder / "model.keras").read_bytes()[:999])
        with pytest.raises(UserError, match=r"model.keras: is damaged"):
            RunFolder(folder).load_model()
    spec.train(folder)
    assert "model.keras: restored from step-0000002" in capsys.readouterr().out
    restored = keras.saving.load_model(folder / "model.keras").get_weights()
    assert all((a == b).all() for a, b in zip(weights, restored, strict=True))


def hold_lock(folder, locked, release):
    with RunFolder(folder).locked():
        locked.set()
        release.wait(30)


def test_a_folder_that_another_process_uses_is_rejected(run):
    spec, folder = run
    spawn = multiprocessing.get_context("spawn")
    locked, release = spawn.Event(), spawn.Event()
    other = spawn.Process(target=hold_lock, args=(folder, locked, release))
    other.start()
    assert locked.wait(30)
    with pytest.raises(UserError, match="another process is training in this run folder"):
        spec.train(folder)
    release.set()
    other.join()
    spec.train(folder)


@pytest.mark.parametrize("name", ["1e5", "yes", "0o7", "2024", "null", "plain"])
def test_the_spec_is_written_as_it_was_read(tmp_path, name):
    spec = small_run.transformer(tmp_path, steps=1) | {"name": name}
    (tmp_path / "spec.yaml").write_text(to_yaml(spec))
    first = load(tmp_path / "spec.yaml")
    (tmp_path / "again.yaml").write_text(to_yaml(first.model_dump(mode="json")))
    assert first.name == name
    assert load(tmp_path / "again.yaml") == first


def test_a_run_is_resumed_with_defaults_for_fields_added_later(run):
    spec, folder = run
    lines = (folder / "spec.yaml").read_text().splitlines(keepends=True)
    older_lines = [
        line for line in lines if not line.strip().startswith(("monitor:", "show_predictions:"))
    ]
    assert len(older_lines) == len(lines) - 2
    (folder / "spec.yaml").write_text("".join(older_lines).replace("show_predictions: 0", ""))
    changed = spec.model_copy(
        update={"training": spec.training.model_copy(update={"show_predictions": None})}
    )
    assert changed.train(folder)["step"] == spec.training.steps


@pytest.mark.parametrize(
    ("version", "fix"),
    [
        ("1", "copy the file, run `archbuild validate --fix` on the copy and train the copy"),
        ("3", "update archbuilder to open this run"),
    ],
)
def test_another_language_version_is_rejected(run, version, fix):
    spec, folder = run
    text = (folder / "spec.yaml").read_text()
    (folder / "spec.yaml").write_text(text.replace("language 2", f"language {version}", 1))
    with pytest.raises(UserError, match=f"expected language version 2, got {version}.*{fix}"):
        spec.train(folder)


def test_the_error_about_the_old_checkpoint_format_names_the_fix(run):
    spec, folder = run
    newest = RunFolder(folder).checkpoints.folders()[-1]
    (newest / VARIABLES).rename(newest / "arrays.npz")
    with pytest.raises(UserError, match=r"earlier version of archbuilder.*or start it again with"):
        spec.train(folder)
    assert spec.train(folder, restart=True)["step"] == spec.training.steps


def test_the_lock_leaves_no_file(run):
    _, folder = run
    before = content(folder)
    with RunFolder(folder).locked():
        pass
    assert content(folder) == before


def test_a_killed_process_leaves_no_lock(run):
    spec, folder = run
    spawn = multiprocessing.get_context("spawn")
    locked, release = spawn.Event(), spawn.Event()
    other = spawn.Process(target=hold_lock, args=(folder, locked, release))
    other.start()
    assert locked.wait(30)
    other.kill()
    other.join()
    assert spec.train(folder)["step"] == spec.training.steps


def test_a_folder_with_only_a_stale_lock_counts_as_empty(finished, tmp_path):
    spec, _ = finished
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock").touch()
    assert spec.train(tmp_path / "run")["step"] == spec.training.steps
