"""A run goes on where it stopped, exactly, and leaves what the README says."""

import errno
import json
import os
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from archbuilder import UserError, load, open_run
from archbuilder.runs import checkpoint
from archbuilder.runs.checkpoint import VARIABLES, read_checkpoint
from archbuilder.runs.run_folder import RunFolder
from archbuilder.runs.run_writer import FolderWriter, NullWriter
from archbuilder.stopping import RunInterruptedError, StopRequest, TrainingFailedError
from archbuilder.text.prepare import ProgressListener
from archbuilder.tracking import TensorBoard
from archbuilder.tracking.tracker_set import TrackerSet
from archbuilder.training.engines import open_devices
from archbuilder.training.engines.on_tensorflow import TensorFlowEngine
from archbuilder.training.loop.evaluation import Evaluation
from archbuilder.training.loop.reporter import Silent
from archbuilder.training.loop.run_output import RunOutput
from archbuilder.training.loop.trainer import Trainer
from tests import small_run

KINDS = [small_run.bert, small_run.transformer]


def experiment(kind, folder, **training):
    return load(small_run.write(kind(folder, **training), folder / "spec.yaml"))


def records(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def checkpoints(run):
    return RunFolder(run).checkpoints.folders()


def losses(run):
    return {one["step"]: one["loss"] for one in records(run) if "loss" in one}


def stop_after(monkeypatch, step):
    """Ask for a stop as soon as `step` was taken."""
    taken = Trainer._take_step

    def take(self, batches):
        found = taken(self, batches)
        stops[0].is_requested = self.state.step >= step
        return found

    stops = []
    begun = StopRequest.__enter__
    monkeypatch.setattr(StopRequest, "__enter__", lambda self: stops.append(self) or begun(self))
    monkeypatch.setattr(Trainer, "_take_step", take)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", [small_run.bert, pytest.param(small_run.transformer, marks=pytest.mark.slow)]
)
def test_a_run_that_was_stopped_ends_as_the_straight_one(kind, tmp_path):
    batch = {"tokens": 300, "gradient_accumulation_steps": 2}
    one = experiment(kind, tmp_path, batch=batch)
    one.train(tmp_path / "straight")
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, 3)
        with pytest.raises(RunInterruptedError, match="stopped at step 3"):
            one.train(tmp_path / "cut")
    one.train(tmp_path / "cut")
    straight, cut = losses(tmp_path / "straight"), losses(tmp_path / "cut")
    assert {step: cut[step] for step in straight} == straight
    first, second = (
        read_checkpoint(checkpoints(tmp_path / run)[-1]).variables for run in ("straight", "cut")
    )
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])


@pytest.fixture(scope="module", params=KINDS)
def finished(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    one = experiment(request.param, folder)
    return one, folder / "run", one.train(folder / "run")


def test_a_finished_run_holds_what_the_readme_says(finished):
    _, run, _ = finished
    assert {path.name for path in run.iterdir()} == {
        "spec.yaml",
        "tokenizer",
        "metrics.jsonl",
        "checkpoints",
        "model.keras",
    }


def test_each_logged_step_is_a_record(finished):
    one, run, _ = finished
    steps = [record for record in records(run) if "loss" in record]
    assert [record["step"] for record in steps] == list(range(1, 7))
    expected = {"loss", "learning_rate", "gradient_norm", "tokens_per_second", "data_wait_fraction"}
    for name in one.objectives:
        expected |= {f"{name}_{metric}" for metric in ("loss", "accuracy", "perplexity")}
    assert all(expected <= set(record) for record in steps)
    measured = [record["step"] for record in records(run) if "validation_loss" in record]
    assert measured == [3, 6]


def test_the_saved_model_is_the_best_one(finished):
    one, run, last = finished
    model = keras.saving.load_model(run / "model.keras")
    folder = RunFolder(run)
    devices = open_devices(one.training)
    data = material(one, folder)
    trainer = Trainer(one, data, devices, RunOutput(folder, NullWriter(), Silent(), TrackerSet()))
    trainer.setup.graph.model.set_weights(model.get_weights())
    found = trainer.evaluation.measure(data.validation)
    best = min(r["validation_loss"] for r in records(run) if "validation_loss" in r)
    assert found["validation_loss"] == pytest.approx(best, rel=1e-6)
    assert last["validation_loss"] >= best


def test_training_a_finished_run_again_changes_nothing(finished):
    one, run, last = finished
    before = (run / "metrics.jsonl").read_bytes()
    assert one.train(run) == last
    assert (run / "metrics.jsonl").read_bytes() == before


def test_a_changed_spec_is_refused_with_the_difference(finished):
    one, run, _ = finished
    changed = one.model_copy(update={"training": one.training.model_copy(update={"steps": 9})})
    with pytest.raises(UserError, match=r"training.steps: 6 -> 9"):
        changed.train(run)


def test_a_mistake_that_was_mended_before_any_step_leaves_no_trace(tmp_path):
    spec = small_run.bert(tmp_path, steps=1)
    good = spec["data"]["train"]["files"]
    spec["data"]["train"]["files"] = ["none.txt"]
    with pytest.raises(UserError, match=r"none.txt: No such file"):
        load(small_run.write(spec, tmp_path / "spec.yaml")).train(tmp_path / "run")
    spec["data"]["train"]["files"] = good
    found = load(small_run.write(spec, tmp_path / "spec.yaml")).train(tmp_path / "run")
    assert found["step"] == 1


def test_checkpoints_without_their_spec_are_not_taken_for_another(tmp_path):
    one = experiment(small_run.bert, tmp_path, steps=1)
    one.train(tmp_path / "run")
    (tmp_path / "run" / "spec.yaml").unlink()
    with pytest.raises(UserError, match=r"has checkpoints and no spec.yaml"):
        one.train(tmp_path / "run")


def test_a_damaged_checkpoint_is_named_and_the_previous_one_used(tmp_path, capsys):
    one = experiment(small_run.bert, tmp_path)
    last = one.train(tmp_path / "run")
    newest = checkpoints(tmp_path / "run")[-1]
    (newest / VARIABLES).write_bytes(b"")
    again = one.train(tmp_path / "run")
    told = capsys.readouterr().out
    assert f"{newest.name}/variables.safetensors: does not match SHA256SUMS" in told
    assert "going on from step 4" in told
    assert again["validation_loss"] == last["validation_loss"]


def test_an_endless_loss_stops_the_run(tmp_path):
    one = experiment(small_run.bert, tmp_path, learning_rate=1e30, global_clipnorm=None, steps=50)
    with pytest.raises(TrainingFailedError, match=r"at step \d+, batch \d+, the loss of \w+ is"):
        one.train(tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize(
    "part",
    ["checkpoint", *(pytest.param(part, marks=pytest.mark.slow) for part in ("model", "metrics"))],
)
def test_a_full_disk_loses_no_earlier_checkpoint(part, tmp_path, monkeypatch):
    one = experiment(small_run.bert, tmp_path)
    one.train(tmp_path / "straight")
    place, times = {
        "checkpoint": ((checkpoint, "_write_variables"), 2),
        "model": ((keras.Model, "save"), 1),
        "metrics": ((FolderWriter, "log"), 5),
    }[part]
    with monkeypatch.context() as patch:
        patch.setattr(*place, full_after(times, getattr(*place)))
        with pytest.raises(TrainingFailedError) as failed:
            one.train(tmp_path / "run")
    told = str(failed.value)
    assert "No space left on device at step" in told
    stands = checkpoints(tmp_path / "run")[-1]
    step = int(stands.name.removeprefix("step-"))
    assert f"the checkpoint of step {step} stands, and the same command goes on" in told
    one.train(tmp_path / "run")
    assert losses(tmp_path / "run") == losses(tmp_path / "straight")


def full_after(times, write):
    """What writes until the disk is full."""
    left = iter(range(times))

    def written(*arguments, **options):
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(*arguments, **options)

    return written


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("RESOURCE_EXHAUSTED: 1 GiB")])
def test_running_out_of_memory_says_which_numbers_to_lower(error, tmp_path, monkeypatch):
    one = experiment(small_run.bert, tmp_path)

    def train(*_):
        raise error

    monkeypatch.setattr(TensorFlowEngine, "train", train)
    with pytest.raises(TrainingFailedError) as failed:
        one.train(tmp_path / "run")
    assert str(failed.value) == (
        "out of memory at step 1, in a batch of 16 rows of 24 tokens; there is no checkpoint. "
        "Lower training.batch.tokens and raise training.batch.gradient_accumulation_steps by as "
        "much, or lower data.sequence_length"
    )


def test_lack_of_memory_for_a_batch_is_told_too(tmp_path, monkeypatch):
    def batches(*_):
        raise MemoryError

    monkeypatch.setattr(Trainer, "_batches", batches)
    with pytest.raises(
        TrainingFailedError, match=r"out of memory at step 1; there is no checkpoint\."
    ):
        experiment(small_run.bert, tmp_path).train(tmp_path / "run")


@pytest.mark.parametrize("error", [errno.EROFS, errno.EACCES])
def test_a_folder_that_cannot_be_written_is_told_before_training(error, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(error, os.strerror(error))

    one = experiment(small_run.bert, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", refuse)
        with pytest.raises(UserError, match=rf"run: cannot be written \({os.strerror(error)}\)"):
            one.train(tmp_path / "run")
    (tmp_path / "run").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr("archbuilder.runs.spec_file.write_atomic", refuse)
        with pytest.raises(UserError, match=rf"run: cannot be written \({os.strerror(error)}\)"):
            one.train(tmp_path / "run")


def test_what_is_hardly_meant_is_told_before_training(tmp_path, capsys):
    rate = {"type": "linear", "peak": 0.001, "warmup_steps": 50}
    batch = {"tokens": 400, "gradient_accumulation_steps": 99}
    one = experiment(small_run.bert, tmp_path, learning_rate=rate, batch=batch, steps=1)
    one.train(tmp_path / "run")
    told = capsys.readouterr().out
    assert "warning: warmup_steps (50) is greater than the number of steps (1)" in told
    assert "warning: a step accumulates 99 batches, and the whole training text has" in told
    assert "parameters, tensorflow, CPU, float32 (default on CPU), not compiled, seed 0" in told
    assert "99 x 400 tokens a step, learning rate at most" in told
    assert "step 1/1" in told


def test_a_run_without_validation_keeps_its_last_weights(tmp_path):
    spec = small_run.transformer(tmp_path)
    del spec["data"]["validation"]
    one = load(small_run.write(spec, tmp_path / "spec.yaml"))
    one.train(tmp_path / "run")
    saved = keras.saving.load_model(tmp_path / "run" / "model.keras")
    arrays = read_checkpoint(checkpoints(tmp_path / "run")[-1]).variables
    for weight in saved.weights:
        np.testing.assert_array_equal(arrays[weight.path], np.asarray(weight))


def material(one, folder):
    from archbuilder.batches.training_data import load_training_data

    return load_training_data(one, Quiet())


class Quiet(ProgressListener):
    """Hears of nothing."""


def packed(folder, **training):
    """The small Transformer on rows of several pairs."""
    batch = {"tokens": 300, "packing": True, "pad_to_multiple_of": 8}
    return small_run.transformer(folder, batch=batch, **training)


def packed_documents(folder, **training):
    """A masked language model on rows of several segments."""
    spec = small_run.bert(folder, batch={"tokens": 300, "packing": True}, **training)
    spec["objectives"].pop("next_sentence")
    spec["model"].pop("pooler")
    return spec


def two_vocabularies(folder, **training):
    """The small Transformer with a tokenizer for each side."""
    spec = small_run.transformer(folder, **training)
    spec["model"] |= {"target_vocabulary_size": 40, "embeddings": {"tie": "output"}}
    spec["target_tokenizer"] = {"type": "characters"}
    return spec


def mixed(folder, **training):
    """A BERT on two corpora of different weight."""
    spec = small_run.bert(folder, **training)
    other = small_run.write_documents(folder / "other.txt", seed=5)
    one = {"type": "documents", "files": [str(other)]}
    parts = [{"corpus": spec["data"]["train"]}, {"corpus": one, "weight": 0.5}]
    spec["data"]["train"] = {"type": "mixture", "corpora": parts}
    return spec


@pytest.mark.parametrize(
    "kind",
    [
        packed_documents,
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in (packed, two_vocabularies, mixed)),
    ],
)
def test_every_way_to_make_batches_trains_and_leaves_a_plain_model(kind, tmp_path):
    one = experiment(kind, tmp_path)
    last = one.train(tmp_path / "run")
    model = keras.saving.load_model(tmp_path / "run" / "model.keras")
    plain = {tensor.name for tensor in one.build().inputs}
    assert {tensor.name for tensor in model.inputs} == plain
    assert last["step"] == 6
    lines = ["the list"] if model.output.get("sequence_to_sequence") is not None else ["a [MASK]"]
    (prediction,) = open_run(tmp_path / "run").predict(lines)
    assert isinstance(prediction.text, str)


@pytest.mark.slow
def test_a_packed_run_that_was_stopped_ends_as_the_straight_one(tmp_path, monkeypatch):
    one = experiment(packed, tmp_path)
    one.train(tmp_path / "straight")
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, 3)
        with pytest.raises(RunInterruptedError):
            one.train(tmp_path / "cut")
    one.train(tmp_path / "cut")
    assert losses(tmp_path / "cut") == losses(tmp_path / "straight")


def test_what_is_left_out_is_told_before_training(tmp_path, capsys):
    spec = small_run.transformer(tmp_path, steps=1)
    with open(spec["data"]["train"]["source"], "a") as source:
        source.write(f"\n{'long ' * 20}\n")
    with open(spec["data"]["train"]["target"], "a") as target:
        target.write("\nlong\n")
    load(small_run.write(spec, tmp_path / "spec.yaml")).train(tmp_path / "run")
    told = capsys.readouterr().out
    assert "warning: data.train: 1 empty side, the first at" in told
    reason = "dropped because they are longer than data.sequence_length (48 tokens)"
    long = f"warning: data.train: 1 pairs {reason}"
    assert long in told


def test_measuring_on_the_text_that_is_learnt_is_told(tmp_path, capsys):
    spec = small_run.bert(tmp_path, steps=1)
    spec["data"]["validation"] = spec["data"]["train"]
    load(small_run.write(spec, tmp_path / "spec.yaml")).train(tmp_path / "run")
    assert "warning: data.validation is the text of data.train" in capsys.readouterr().out


def test_training_stops_early_and_stays_stopped(tmp_path, capsys):
    stopping = {"patience": 2, "min_delta": 100.0}
    one = experiment(small_run.bert, tmp_path, steps=50, early_stopping=stopping)
    last = one.train(tmp_path / "run")
    assert last["step"] == 9  # Measured at 3, 6 and 9.
    told = capsys.readouterr().out
    assert "stopped early: none of the last 2 measurements of loss is better by enough" in told
    assert one.train(tmp_path / "run") == last
    assert "all 9 steps are done" in capsys.readouterr().out


def test_the_best_is_kept_by_the_metric_that_is_written(tmp_path):
    one = experiment(small_run.bert, tmp_path, steps=12, best="masked_lm_accuracy")
    one.train(tmp_path / "run")
    measured = [record for record in records(tmp_path / "run") if "validation_loss" in record]
    best = max(measured, key=lambda record: record["validation_masked_lm_accuracy"])
    state = read_checkpoint(checkpoints(tmp_path / "run")[-1]).state
    assert state["best"]["step"] == best["step"]


def test_minutes_end_a_run_with_a_measurement_and_a_checkpoint(tmp_path, capsys):
    one = experiment(small_run.bert, tmp_path, steps=None, minutes=0.05, learning_rate=1e-3)
    last = one.train(tmp_path / "run")
    assert "0.05 minutes, 400 tokens a step" in capsys.readouterr().out
    assert "validation_loss" in last
    assert RunFolder(tmp_path / "run").checkpoints.newest_step() == last["step"]
    assert one.train(tmp_path / "run") == last


def test_the_mean_of_the_last_checkpoints_takes_the_place_of_the_best(tmp_path, capsys):
    average = {"type": "last_checkpoints", "count": 3}
    one = experiment(small_run.bert, tmp_path, weight_averaging=average)
    one.train(tmp_path / "run")
    assert "the mean of 3 checkpoints: validation loss" in capsys.readouterr().out
    kept = checkpoints(tmp_path / "run")
    assert len(kept) == 3
    arrays = [read_checkpoint(path).variables for path in kept]
    model = keras.saving.load_model(tmp_path / "run" / "model.keras")
    for weight in model.weights:
        mean = np.mean([one[weight.path] for one in arrays], axis=0)
        np.testing.assert_allclose(np.array(weight), mean, rtol=1e-5, atol=1e-7)


def test_a_frozen_layer_stays_as_it_began(tmp_path, capsys):
    one = experiment(small_run.bert, tmp_path, freeze=["embeddings.*"])
    one.train(tmp_path / "run")
    assert "of them trained" in capsys.readouterr().out
    arrays = [read_checkpoint(path).variables for path in checkpoints(tmp_path / "run")]
    same = {name: (array == arrays[-1][name]).all() for name, array in arrays[0].items()}
    assert same["embeddings.tokens/embeddings"]
    assert not same["encoder.layers.0.attention.query/kernel"]


@pytest.mark.slow
def test_the_mean_is_that_of_the_straight_run_however_it_was_cut(tmp_path, capsys):
    one = experiment(
        small_run.bert, tmp_path, weight_averaging={"type": "last_checkpoints", "count": 2}
    )
    one.train(tmp_path / "straight")
    run = tmp_path / "cut"
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, 5)
        with pytest.raises(RunInterruptedError, match="stopped at step 5"):
            one.train(run)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Evaluation, "average_checkpoints", lambda self: 1 / 0
        )  # As if it were killed there.
        with pytest.raises(ZeroDivisionError):
            one.train(run)
    one.train(run)
    assert saved(run) == saved(tmp_path / "straight")
    (run / "model.keras").unlink()
    one.train(run)
    assert saved(run) == saved(tmp_path / "straight")
    assert len(checkpoints(run)) == 2


def test_a_lost_best_model_gives_way_to_the_newest(tmp_path, capsys, monkeypatch):
    def take(self, found, step):
        self.step = self.step or step
        return self.step == step

    monkeypatch.setattr("archbuilder.training.recipe.best.Best.take", take)
    one, run = experiment(small_run.bert, tmp_path), tmp_path / "run"
    last = one.train(run)
    best = run / "checkpoints" / "step-0000003"
    assert best.is_dir()
    (best / VARIABLES).write_bytes(b"")
    (run / "model.keras").unlink()
    assert one.train(run) == last
    assert "the best model is lost, and the newest takes its place" in capsys.readouterr().out
    weights = {
        weight.path: weight for weight in keras.saving.load_model(run / "model.keras").weights
    }
    for name, array in read_checkpoint(run / "checkpoints" / "step-0000006").variables.items():
        if name in weights:
            np.testing.assert_array_equal(array, weights[name])


def test_weights_that_are_no_numbers_are_not_saved(tmp_path):
    spec = small_run.bert(
        tmp_path, steps=3, learning_rate=1e39, global_clipnorm=None, optimizer={"type": "sgd"}
    )
    del spec["data"]["validation"]
    one = load(small_run.write(spec, tmp_path / "spec.yaml"), ["training.steps=1"])
    with pytest.raises(
        TrainingFailedError, match=r"after step 1, .* is no number; there is no check"
    ):
        one.train(tmp_path / "run")
    assert not (tmp_path / "run" / "model.keras").exists()


def test_a_damaged_checkpoint_is_left_out_of_the_mean(tmp_path, capsys):
    one = experiment(
        small_run.bert, tmp_path, weight_averaging={"type": "last_checkpoints", "count": 3}
    )
    one.train(tmp_path / "run")
    damaged = checkpoints(tmp_path / "run")[0]
    (damaged / VARIABLES).write_bytes(b"")
    one.train(tmp_path / "run")
    told = capsys.readouterr().out
    assert f"the mean skips a damaged checkpoint: {damaged}" in told
    assert "the mean of 2 checkpoints" in told


@pytest.mark.slow
def test_what_a_restart_replaces_comes_back_where_it_cannot_begin(finished, tmp_path):
    one, run, _ = finished
    shutil.copytree(run, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "tensorboard", ignore_errors=True)
    (tmp_path / "run" / "tensorboard").write_text("in the way")
    before = files_in(tmp_path / "run")
    watched = one.training.model_copy(update={"trackers": (TensorBoard(type="tensorboard"),)})
    with pytest.raises(UserError, match="tensorboard cannot be opened"):
        one.model_copy(update={"training": watched}).train(tmp_path / "run", restart=True)
    assert files_in(tmp_path / "run") == before
    one.train(tmp_path / "run", restart=True)
    assert files_in(tmp_path / "run").keys() == before.keys()


def files_in(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): path.read_bytes() for path in files}


def saved(run):
    weights = keras.saving.load_model(run / "model.keras").get_weights()
    return [weight.tobytes() for weight in weights]
