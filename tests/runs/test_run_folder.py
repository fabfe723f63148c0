"""A run folder loses nothing that is not its own, and nothing before it is known to be replaced."""

import multiprocessing
import shutil
from pathlib import Path

import pytest

from archbuilder import UserError, load
from archbuilder.language import plain_text
from archbuilder.runs.checkpoint import VARIABLES, Checkpoint, read_checkpoint, write_checkpoint
from archbuilder.runs.run_folder import RunFolder
from tests import small_run


def experiment(folder, name="spec", **training):
    spec = small_run.transformer(folder, steps=2, evaluate_every=1, **training)
    return load(small_run.write(spec, folder / f"{name}.yaml"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    one = experiment(folder)
    one.train(folder / "run")
    return one, folder / "run"


@pytest.fixture
def run(finished, tmp_path):
    """A copy of a finished run, to be spoilt."""
    one, folder = finished
    return one, Path(shutil.copytree(folder, tmp_path / "run"))


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("restart", [False, True])
def test_a_folder_of_someone_elses_is_left_alone(finished, tmp_path, restart):
    one, _ = finished
    (tmp_path / "spec.yaml").write_text("name: mine\n")
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "mine").write_text("")
    before = content(tmp_path)
    with pytest.raises(UserError, match=r"has no spec.yaml of a run; use another --run folder"):
        one.train(tmp_path, restart=restart)
    assert content(tmp_path) == before


def test_a_file_is_no_run_folder(finished, tmp_path):
    one, _ = finished
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file: is a file, not a run folder"):
        one.train(tmp_path / "file")


def test_restarting_with_a_mistake_in_the_data_loses_nothing(run, tmp_path):
    one, folder = run
    before = content(folder)
    parallel = one.data.train.model_copy(update={"source": str(tmp_path / "none")})
    data = one.data.model_copy(update={"train": parallel})
    with pytest.raises(UserError, match="none: No such file"):
        one.model_copy(update={"data": data}).train(folder, restart=True)
    assert content(folder) == before


def test_a_model_without_its_checkpoints_is_not_lost(run):
    one, folder = run
    shutil.rmtree(folder / "checkpoints")
    before = content(folder)
    with pytest.raises(UserError, match="contains a model but no checkpoint"):
        one.train(folder)
    changed = one.model_copy(update={"training": one.training.model_copy(update={"steps": 9})})
    with pytest.raises(UserError, match=r"training.steps: 2 -> 9"):
        changed.train(folder)
    assert content(folder) == before


def test_a_run_goes_on_only_with_its_own_text_and_tokenizer(run):
    one, folder = run
    newest = RunFolder(folder).checkpoints.folders()[-1]
    stored = read_checkpoint(newest)
    for name in ("data.train", "data.validation", "tokenizer"):
        text = stored.state["text"] | {name: "another"}
        write_checkpoint(newest, Checkpoint(stored.variables, stored.state | {"text": text}))
        with pytest.raises(UserError, match=f": {name} changed since its checkpoint"):
            one.train(folder)


def test_a_lost_tokenizer_is_not_made_anew(run):
    one, folder = run
    shutil.rmtree(folder / "tokenizer")
    with pytest.raises(UserError, match="tokenizer: not found"):
        one.train(folder)


@pytest.mark.parametrize("damage", ["lost", "cut"])
def test_the_best_model_is_written_again_from_its_checkpoint(run, damage, capsys):
    import keras

    one, folder = run
    weights = keras.saving.load_model(folder / "model.keras").get_weights()
    if damage == "lost":
        (folder / "model.keras").unlink()
    else:
        (folder / "model.keras").write_bytes((folder / "model.keras").read_bytes()[:999])
        with pytest.raises(UserError, match=r"model.keras: is damaged"):
            RunFolder(folder).load_model()
    one.train(folder)
    assert "model.keras: written again from step-0000002" in capsys.readouterr().out
    again = keras.saving.load_model(folder / "model.keras").get_weights()
    assert all((one == other).all() for one, other in zip(weights, again, strict=True))


def hold(folder, begun, done):
    with RunFolder(folder).locked():
        begun.set()
        done.wait(30)


def test_a_folder_in_which_another_process_trains_is_refused(run):
    one, folder = run
    spawn = multiprocessing.get_context("spawn")
    begun, done = spawn.Event(), spawn.Event()
    other = spawn.Process(target=hold, args=(folder, begun, done))
    other.start()
    assert begun.wait(30)
    with pytest.raises(UserError, match="another process is training in this run folder"):
        one.train(folder)
    done.set()
    other.join()
    one.train(folder)


@pytest.mark.parametrize("name", ["1e5", "yes", "0o7", "2024", "null", "plain"])
def test_the_spec_is_written_as_it_was_read(tmp_path, name):
    spec = small_run.transformer(tmp_path, steps=1) | {"name": name}
    (tmp_path / "spec.yaml").write_text(plain_text(spec))
    first = load(tmp_path / "spec.yaml")
    (tmp_path / "again.yaml").write_text(plain_text(first.model_dump(mode="json")))
    assert first.name == name
    assert load(tmp_path / "again.yaml") == first


def test_a_field_that_came_later_does_not_stop_a_run(run):
    one, folder = run
    lines = (folder / "spec.yaml").read_text().splitlines(keepends=True)
    older = [
        line for line in lines if not line.strip().startswith(("monitor:", "show_predictions:"))
    ]
    assert len(older) == len(lines) - 2
    (folder / "spec.yaml").write_text("".join(older).replace("show_predictions: 0", ""))
    changed = one.model_copy(
        update={"training": one.training.model_copy(update={"show_predictions": None})}
    )
    assert changed.train(folder)["step"] == one.training.steps


def test_another_version_of_the_language_is_told(run):
    one, folder = run
    text = (folder / "spec.yaml").read_text()
    (folder / "spec.yaml").write_text(text.replace("language 1", "language 2", 1))
    with pytest.raises(
        UserError,
        match="unsupported version 'archbuilder language 2'; expected 'archbuilder language 1'",
    ):
        one.train(folder)


def test_a_checkpoint_of_the_old_format_says_how_to_proceed(run):
    one, folder = run
    newest = RunFolder(folder).checkpoints.folders()[-1]
    (newest / VARIABLES).rename(newest / "arrays.npz")
    with pytest.raises(UserError, match=r"earlier version of archbuilder.*or start it again with"):
        one.train(folder)
    assert one.train(folder, restart=True)["step"] == one.training.steps


def test_the_lock_leaves_nothing_behind(run):
    _, folder = run
    before = content(folder)
    with RunFolder(folder).locked():
        pass
    assert content(folder) == before


def test_a_killed_process_leaves_no_lock(run):
    one, folder = run
    spawn = multiprocessing.get_context("spawn")
    begun, done = spawn.Event(), spawn.Event()
    other = spawn.Process(target=hold, args=(folder, begun, done))
    other.start()
    assert begun.wait(30)
    other.kill()
    other.join()
    assert one.train(folder)["step"] == one.training.steps


def test_an_empty_folder_with_the_lock_of_a_killed_process_is_empty(finished, tmp_path):
    one, _ = finished
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock").touch()
    assert one.train(tmp_path / "run")["step"] == one.training.steps
