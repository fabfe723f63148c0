"""Training runs: resuming is exact, failures are reported, and the run folder is complete."""

import errno
import json
import os
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from archbuilder import UserError, load, open_run
from archbuilder.batches.training_data import load_training_data
from archbuilder.runs import checkpoint
from archbuilder.runs.checkpoint import VARIABLES, read_checkpoint
from archbuilder.runs.run_folder import RunFolder
from archbuilder.runs.run_writer import FolderWriter, NullWriter
from archbuilder.stopping import RunInterruptedError, StopRequest, TrainingFailedError
from archbuilder.text.prepare import ProgressListener
from archbuilder.tracking import TensorBoard
from archbuilder.tracking.tracker_set import TrackerSet
from archbuilder.training.engines import open_devices
from archbuilder.training.engines.tensorflow_engine import TensorFlowEngine
from archbuilder.training.loop.evaluation import Evaluation
from archbuilder.training.loop.reporter import SilentReporter
from archbuilder.training.loop.run_output import RunOutput
from archbuilder.training.loop.trainer import Trainer
from tests import small_run

KINDS = [small_run.bert, small_run.transformer]


def make_experiment(kind, folder, **training):
    return load(small_run.write(kind(folder, **training), folder / "spec.yaml"))


def records(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def checkpoints(run):
    return RunFolder(run).checkpoints.folders()


def losses(run):
    return {record["step"]: record["loss"] for record in records(run) if "loss" in record}


def stop_after(monkeypatch, step):
    """Request a stop after `step`."""
    original_run_step, original_enter = Trainer._run_step, StopRequest.__enter__
    requests = []

    def enter(self):
        requests.append(self)
        return original_enter(self)

    def run_step(self, batches):
        record = original_run_step(self, batches)
        requests[0].is_requested = self.state.step >= step
        return record

    monkeypatch.setattr(StopRequest, "__enter__", enter)
    monkeypatch.setattr(Trainer, "_run_step", run_step)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", [small_run.bert, pytest.param(small_run.transformer, marks=pytest.mark.slow)]
)
def test_resumed_run_equals_uninterrupted_run(kind, tmp_path):
    batch = {"tokens": 300, "gradient_accumulation_steps": 2}
    experiment = make_experiment(kind, tmp_path, batch=batch)
    experiment.train(tmp_path / "uninterrupted")
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, 3)
        with pytest.raises(RunInterruptedError, match="stopped at step 3"):
            experiment.train(tmp_path / "resumed")
    experiment.train(tmp_path / "resumed")
    expected, resumed = losses(tmp_path / "uninterrupted"), losses(tmp_path / "resumed")
    assert {step: resumed[step] for step in expected} == expected
    first, second = (
        read_checkpoint(checkpoints(tmp_path / run)[-1]).variables
        for run in ("uninterrupted", "resumed")
    )
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])


@pytest.fixture(scope="module", params=KINDS)
def finished(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    experiment = make_experiment(request.param, folder)
    return experiment, folder / "run", experiment.train(folder / "run")


def test_finished_run_folder_has_documented_files(finished):
    _, run, _ = finished
    assert {path.name for path in run.iterdir()} == {
        "spec.yaml",
        "tokenizer",
        "metrics.jsonl",
        "checkpoints",
        "model.keras",
    }


def test_metrics_file_has_record_of_each_logged_step(finished):
    experiment, run, _ = finished
    steps = [record for record in records(run) if "loss" in record]
    assert [record["step"] for record in steps] == list(range(1, 7))
    expected = {"loss", "learning_rate", "gradient_norm", "tokens_per_second", "data_wait_fraction"}
    for name in experiment.objectives:
        expected |= {f"{name}_{metric}" for metric in ("loss", "accuracy", "perplexity")}
    assert all(expected <= set(record) for record in steps)
    evaluated = [record["step"] for record in records(run) if "validation_loss" in record]
    assert evaluated == [3, 6]


def test_saved_model_is_the_best_model(finished):
    experiment, run, last = finished
    model = keras.saving.load_model(run / "model.keras")
    folder = RunFolder(run)
    devices = open_devices(experiment.training)
    data = load_training_data(experiment, ProgressListener())
    output = RunOutput(folder, NullWriter(), SilentReporter(), TrackerSet())
    trainer = Trainer(experiment, data, devices, output)
    trainer.setup.graph.model.set_weights(model.get_weights())
    metrics = trainer.evaluation.measure(data.validation)
    best = min(r["validation_loss"] for r in records(run) if "validation_loss" in r)
    assert metrics["validation_loss"] == pytest.approx(best, rel=1e-6)
    assert last["validation_loss"] >= best


def test_training_a_finished_run_again_has_no_effect(finished):
    experiment, run, last = finished
    before = (run / "metrics.jsonl").read_bytes()
    assert experiment.train(run) == last
    assert (run / "metrics.jsonl").read_bytes() == before


def test_changed_spec_is_rejected_with_its_difference(finished):
    experiment, run, _ = finished
    changed = experiment.model_copy(
        update={"training": experiment.training.model_copy(update={"steps": 9})}
    )
    with pytest.raises(UserError, match=r"training.steps: 6 -> 9"):
        changed.train(run)


def test_run_starts_after_an_error_in_the_data_is_fixed(tmp_path):
    spec = small_run.bert(tmp_path, steps=1)
    files = spec["data"]["train"]["files"]
    spec["data"]["train"]["files"] = ["none.txt"]
    with pytest.raises(UserError, match=r"none.txt: No such file"):
        load(small_run.write(spec, tmp_path / "spec.yaml")).train(tmp_path / "run")
    spec["data"]["train"]["files"] = files
    last = load(small_run.write(spec, tmp_path / "spec.yaml")).train(tmp_path / "run")
    assert last["step"] == 1


def test_checkpoints_without_spec_are_rejected(tmp_path):
    experiment = make_experiment(small_run.bert, tmp_path, steps=1)
    experiment.train(tmp_path / "run")
    (tmp_path / "run" / "spec.yaml").unlink()
    with pytest.raises(UserError, match=r"has checkpoints but has no spec\.yaml"):
        experiment.train(tmp_path / "run")


def test_damaged_checkpoint_is_reported_and_previous_one_is_used(tmp_path, capsys):
    experiment = make_experiment(small_run.bert, tmp_path)
    last = experiment.train(tmp_path / "run")
    newest = checkpoints(tmp_path / "run")[-1]
    (newest / VARIABLES).write_bytes(b"")
    again = experiment.train(tmp_path / "run")
    output = capsys.readouterr().out
    assert f"{newest.name}/variables.safetensors: does not match SHA256SUMS" in output
    assert "resuming from step 4" in output
    assert again["validation_loss"] == last["validation_loss"]


def test_infinite_loss_stops_training(tmp_path):
    experiment = make_experiment(
        small_run.bert, tmp_path, learning_rate=1e30, global_clipnorm=None, steps=50
    )
    with pytest.raises(TrainingFailedError, match=r"at step \d+, batch \d+, the loss of \w+ is"):
        experiment.train(tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize(
    "output",
    ["checkpoint", *(pytest.param(name, marks=pytest.mark.slow) for name in ("model", "metrics"))],
)
def test_full_disk_loses_no_earlier_checkpoint(output, tmp_path, monkeypatch):
    experiment = make_experiment(small_run.bert, tmp_path)
    experiment.train(tmp_path / "uninterrupted")
    (owner, name), times = {
        "checkpoint": ((checkpoint, "_write_variables"), 2),
        "model": ((keras.Model, "save"), 1),
        "metrics": ((FolderWriter, "log"), 5),
    }[output]
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fail_after(times, getattr(owner, name)))
        with pytest.raises(TrainingFailedError) as error:
            experiment.train(tmp_path / "run")
    message = str(error.value)
    assert "No space left on device at step" in message
    newest = checkpoints(tmp_path / "run")[-1]
    step = int(newest.name.removeprefix("step-"))
    assert f"the last checkpoint is of step {step}, and the same command resumes from it" in message
    experiment.train(tmp_path / "run")
    assert losses(tmp_path / "run") == losses(tmp_path / "uninterrupted")


def fail_after(times, write):
    """Return a function that writes `times` times, and then fails with a full disk."""
    remaining = iter(range(times))

    def write_or_fail(*arguments, **options):
        if next(remaining, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(*arguments, **options)

    return write_or_fail


@pytest.mark.parametrize("memory_error", [MemoryError(), RuntimeError("RESOURCE_EXHAUSTED: 1 GiB")])
def test_out_of_memory_error_names_settings_to_reduce(memory_error, tmp_path, monkeypatch):
    experiment = make_experiment(small_run.bert, tmp_path)

    def train(*_):
        raise memory_error

    monkeypatch.setattr(TensorFlowEngine, "train", train)
    with pytest.raises(TrainingFailedError) as error:
        experiment.train(tmp_path / "run")
    assert str(error.value) == (
        "out of memory at step 1, in a batch of 16 rows of 24 tokens; there is no checkpoint. "
        "Reduce training.batch.tokens and increase training.batch.gradient_accumulation_steps by "
        "the same factor, or reduce data.sequence_length"
    )


def test_out_of_memory_error_while_creating_a_batch_is_reported(tmp_path, monkeypatch):
    def batches(*_):
        raise MemoryError

    monkeypatch.setattr(Trainer, "_batches", batches)
    with pytest.raises(
        TrainingFailedError, match=r"out of memory at step 1; there is no checkpoint\."
    ):
        make_experiment(small_run.bert, tmp_path).train(tmp_path / "run")


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_unwritable_folder_is_reported_before_training(code, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(code, os.strerror(code))

    experiment = make_experiment(small_run.bert, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", fail)
        with pytest.raises(UserError, match=rf"run: cannot be written \({os.strerror(code)}\)"):
            experiment.train(tmp_path / "run")
    (tmp_path / "run").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr("archbuilder.runs.spec_file.write_atomic", fail)
        with pytest.raises(UserError, match=rf"run: cannot be written \({os.strerror(code)}\)"):
            experiment.train(tmp_path / "run")


def test_suspicious_settings_are_reported_before_training(tmp_path, capsys):
    rate = {"type": "linear", "peak": 0.001, "warmup_steps": 50}
    batch = {"tokens": 400, "gradient_accumulation_steps": 99}
    experiment = make_experiment(small_run.bert, tmp_path, learning_rate=rate, batch=batch, steps=1)
    experiment.train(tmp_path / "run")
    output = capsys.readouterr().out
    assert "warning: warmup_steps (50) is greater than the number of steps (1)" in output
    assert (
        "warning: gradient_accumulation_steps (99) is greater than the number of batches" in output
    )
    assert "parameters, tensorflow, CPU, float32 (default on CPU), not compiled, seed 0" in output
    assert "99 x 400 tokens per step, peak learning rate" in output
    assert "step 1/1" in output


def test_run_without_validation_saves_last_weights(tmp_path):
    spec = small_run.transformer(tmp_path)
    del spec["data"]["validation"]
    experiment = load(small_run.write(spec, tmp_path / "spec.yaml"))
    experiment.train(tmp_path / "run")
    saved = keras.saving.load_model(tmp_path / "run" / "model.keras")
    arrays = read_checkpoint(checkpoints(tmp_path / "run")[-1]).variables
    for weight in saved.weights:
        np.testing.assert_array_equal(arrays[weight.path], np.asarray(weight))


def packed(folder, **training):
    """Return the spec of the small Transformer with packing."""
    batch = {"tokens": 300, "packing": True, "pad_to_multiple_of": 8}
    return small_run.transformer(folder, batch=batch, **training)


def packed_documents(folder, **training):
    """Return the spec of a masked language model with packing."""
    spec = small_run.bert(folder, batch={"tokens": 300, "packing": True}, **training)
    spec["objectives"].pop("next_sentence")
    spec["model"].pop("pooler")
    return spec


def two_vocabularies(folder, **training):
    """Return the spec of the small Transformer with a tokenizer for each side."""
    spec = small_run.transformer(folder, **training)
    spec["model"] |= {"target_vocabulary_size": 40, "embeddings": {"tie": "output"}}
    spec["target_tokenizer"] = {"type": "characters"}
    return spec


def mixed(folder, **training):
    """Return the spec of a BERT on two corpora with different weights."""
    spec = small_run.bert(folder, **training)
    other = small_run.write_documents(folder / "other.txt", seed=5)
    second = {"type": "documents", "files": [str(other)]}
    members = [{"corpus": spec["data"]["train"]}, {"corpus": second, "weight": 0.5}]
    spec["data"]["train"] = {"type": "mixture", "corpora": members}
    return spec


@pytest.mark.parametrize(
    "kind",
    [
        packed_documents,
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in (packed, two_vocabularies, mixed)),
    ],
)
def test_packing_and_mixtures_train_and_save_model_without_packing(kind, tmp_path):
    experiment = make_experiment(kind, tmp_path)
    last = experiment.train(tmp_path / "run")
    model = keras.saving.load_model(tmp_path / "run" / "model.keras")
    expected_inputs = {tensor.name for tensor in experiment.build().inputs}
    assert {tensor.name for tensor in model.inputs} == expected_inputs
    assert last["step"] == 6
    lines = ["the list"] if model.output.get("sequence_to_sequence") is not None else ["a [MASK]"]
    (prediction,) = open_run(tmp_path / "run").predict(lines)
    assert isinstance(prediction.text, str)


@pytest.mark.slow
def test_resumed_packed_run_equals_uninterrupted_run(tmp_path):
    experiment = make_experiment(packed, tmp_path)
    experiment.train(tmp_path / "uninterrupted")
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, 3)
        with pytest.raises(RunInterruptedError):
            experiment.train(tmp_path / "resumed")
    experiment.train(tmp_path / "resumed")
    assert losses(tmp_path / "resumed") == losses(tmp_path / "uninterrupted")


def test_skipped_input_is_reported_before_training(tmp_path, capsys):
    spec = small_run.transformer(tmp_path, steps=1)
    with open(spec["data"]["train"]["source"], "a") as source:
        source.write(f"\n{'long ' * 20}\n")
    with open(spec["data"]["train"]["target"], "a") as target:
        target.write("\nlong\n")
    load(small_run.write(spec, tmp_path / "spec.yaml")).train(tmp_path / "run")
    output = capsys.readouterr().out
    assert "warning: data.train: 1 empty side, the first at" in output
    reason = "dropped because they are longer than data.sequence_length (48 tokens)"
    assert f"warning: data.train: 1 pairs {reason}" in output


def test_validation_on_training_text_is_reported(tmp_path, capsys):
    spec = small_run.bert(tmp_path, steps=1)
    spec["data"]["validation"] = spec["data"]["train"]
    load(small_run.write(spec, tmp_path / "spec.yaml")).train(tmp_path / "run")
    assert "warning: data.validation is the same text as data.train" in capsys.readouterr().out


def test_training_stops_early_and_is_not_resumed(tmp_path, capsys):
    stopping = {"patience": 2, "min_delta": 100.0}
    experiment = make_experiment(small_run.bert, tmp_path, steps=50, early_stopping=stopping)
    last = experiment.train(tmp_path / "run")
    assert last["step"] == 9  # Evaluations are at steps 3, 6 and 9.
    output = capsys.readouterr().out
    assert "stopped early: loss did not improve in the last 2 evaluations" in output
    assert experiment.train(tmp_path / "run") == last
    assert "training is already complete (9 steps)" in capsys.readouterr().out


def test_best_checkpoint_is_selected_by_monitored_metric(tmp_path):
    experiment = make_experiment(small_run.bert, tmp_path, steps=12, monitor="masked_lm_accuracy")
    experiment.train(tmp_path / "run")
    evaluations = [record for record in records(tmp_path / "run") if "validation_loss" in record]
    best = max(evaluations, key=lambda record: record["validation_masked_lm_accuracy"])
    state = read_checkpoint(checkpoints(tmp_path / "run")[-1]).state
    assert state["best"]["step"] == best["step"]


def test_run_with_time_limit_ends_with_evaluation_and_checkpoint(tmp_path, capsys):
    experiment = make_experiment(
        small_run.bert, tmp_path, steps=None, minutes=0.05, learning_rate=1e-3
    )
    last = experiment.train(tmp_path / "run")
    assert "0.05 minutes, 400 tokens per step" in capsys.readouterr().out
    assert "validation_loss" in last
    assert RunFolder(tmp_path / "run").checkpoints.newest_step() == last["step"]
    assert experiment.train(tmp_path / "run") == last


def test_mean_of_last_checkpoints_is_saved_as_best_model(tmp_path, capsys):
    average = {"type": "last_checkpoints", "count": 3}
    experiment = make_experiment(small_run.bert, tmp_path, weight_averaging=average)
    experiment.train(tmp_path / "run")
    assert "mean of 3 checkpoints: validation loss" in capsys.readouterr().out
    folders = checkpoints(tmp_path / "run")
    assert len(folders) == 3
    snapshots = [read_checkpoint(folder).variables for folder in folders]
    model = keras.saving.load_model(tmp_path / "run" / "model.keras")
    for weight in model.weights:
        mean = np.mean([arrays[weight.path] for arrays in snapshots], axis=0)
        np.testing.assert_allclose(np.array(weight), mean, rtol=1e-5, atol=1e-7)


def test_frozen_layer_is_not_changed(tmp_path, capsys):
    experiment = make_experiment(small_run.bert, tmp_path, freeze=["embeddings.*"])
    experiment.train(tmp_path / "run")
    assert "of them trainable" in capsys.readouterr().out
    first, *_, last = (read_checkpoint(path).variables for path in checkpoints(tmp_path / "run"))
    is_unchanged = {name: (array == last[name]).all() for name, array in first.items()}
    assert is_unchanged["embeddings.tokens/embeddings"]
    assert not is_unchanged["encoder.layers.0.attention.query/kernel"]


@pytest.mark.slow
def test_mean_of_checkpoints_of_resumed_run_equals_uninterrupted_run(tmp_path):
    experiment = make_experiment(
        small_run.bert, tmp_path, weight_averaging={"type": "last_checkpoints", "count": 2}
    )
    experiment.train(tmp_path / "uninterrupted")
    run = tmp_path / "resumed"
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, 5)
        with pytest.raises(RunInterruptedError, match="stopped at step 5"):
            experiment.train(run)
    with pytest.MonkeyPatch.context() as patch:
        # Simulate a process that is killed at this point.
        patch.setattr(Evaluation, "average_checkpoints", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            experiment.train(run)
    experiment.train(run)
    assert model_bytes(run) == model_bytes(tmp_path / "uninterrupted")
    (run / "model.keras").unlink()
    experiment.train(run)
    assert model_bytes(run) == model_bytes(tmp_path / "uninterrupted")
    assert len(checkpoints(run)) == 2


def test_lost_best_model_is_replaced_by_newest_model(tmp_path, capsys, monkeypatch):
    def update(self, metrics, step):
        self.step = self.step or step
        return self.step == step

    monkeypatch.setattr("archbuilder.training.recipe.best.Best.update", update)
    experiment, run = make_experiment(small_run.bert, tmp_path), tmp_path / "run"
    last = experiment.train(run)
    best = run / "checkpoints" / "step-0000003"
    assert best.is_dir()
    (best / VARIABLES).write_bytes(b"")
    (run / "model.keras").unlink()
    assert experiment.train(run) == last
    assert "the best model is lost and replaced by the newest model" in capsys.readouterr().out
    weights = {
        weight.path: weight for weight in keras.saving.load_model(run / "model.keras").weights
    }
    for name, array in read_checkpoint(run / "checkpoints" / "step-0000006").variables.items():
        if name in weights:
            np.testing.assert_array_equal(array, weights[name])


def test_weights_with_nan_are_not_saved(tmp_path):
    spec = small_run.bert(
        tmp_path, steps=3, learning_rate=1e39, global_clipnorm=None, optimizer={"type": "sgd"}
    )
    del spec["data"]["validation"]
    experiment = load(small_run.write(spec, tmp_path / "spec.yaml"), ["training.steps=1"])
    with pytest.raises(
        TrainingFailedError,
        match=r"after step 1, \d+ weights, such as \S+, contain NaN or infinity; there is no check",
    ):
        experiment.train(tmp_path / "run")
    assert not (tmp_path / "run" / "model.keras").exists()


def test_damaged_checkpoint_is_skipped_in_mean(tmp_path, capsys):
    experiment = make_experiment(
        small_run.bert, tmp_path, weight_averaging={"type": "last_checkpoints", "count": 3}
    )
    experiment.train(tmp_path / "run")
    damaged = checkpoints(tmp_path / "run")[0]
    (damaged / VARIABLES).write_bytes(b"")
    experiment.train(tmp_path / "run")
    output = capsys.readouterr().out
    assert f"the mean skips a damaged checkpoint: {damaged}" in output
    assert "mean of 2 checkpoints" in output


@pytest.mark.slow
def test_failed_restart_restores_previous_run(finished, tmp_path):
    experiment, run, _ = finished
    shutil.copytree(run, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "tensorboard", ignore_errors=True)
    (tmp_path / "run" / "tensorboard").write_text("not a folder")
    before = files_in(tmp_path / "run")
    training = experiment.training.model_copy(
        update={"trackers": (TensorBoard(type="tensorboard"),)}
    )
    with pytest.raises(UserError, match="tensorboard cannot be opened"):
        experiment.model_copy(update={"training": training}).train(tmp_path / "run", restart=True)
    assert files_in(tmp_path / "run") == before
    experiment.train(tmp_path / "run", restart=True)
    assert files_in(tmp_path / "run").keys() == before.keys()


def files_in(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): path.read_bytes() for path in files}


def model_bytes(run):
    weights = keras.saving.load_model(run / "model.keras").get_weights()
    return [weight.tobytes() for weight in weights]
