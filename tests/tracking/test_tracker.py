"""Trackers receive the metrics of the log, also in resumed runs, and cannot stop training."""

import json
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from archbuilder import UserError, load
from archbuilder.language import SpecError
from archbuilder.stopping import RunInterruptedError, StopRequest
from archbuilder.tracking.mlflow import flatten
from archbuilder.tracking.tracker_set import tagged_metrics
from archbuilder.training.loop.run_output import RunOutput
from archbuilder.training.loop.trainer import Trainer
from tests import small_run

pytestmark = pytest.mark.slow


def experiment(folder, *trackers, **training):
    spec = small_run.bert(folder, trackers=[{"type": name} for name in trackers], **training)
    return load(small_run.write(spec, folder / "spec.yaml"))


def stop_after(patch, step):
    """Request a stop as soon as `step` is done."""
    take_step, enter, stops = Trainer._run_step, StopRequest.__enter__, []

    def take_step_and_stop(self, batches):
        result = take_step(self, batches)
        stops[-1].is_requested = self.state.step >= step
        return result

    patch.setattr(StopRequest, "__enter__", lambda self: stops.append(self) or enter(self))
    patch.setattr(Trainer, "_run_step", take_step_and_stop)


def stop_while_logging(patch, step):
    """Interrupt training after `step` is logged and before its checkpoint, as a kill could."""
    log = RunOutput.log

    def log_and_interrupt(self, record):
        log(self, record)
        if record["step"] == step:
            raise KeyboardInterrupt

    patch.setattr(RunOutput, "log", log_and_interrupt)


def logged_metrics(run):
    """Return the values of the metrics log by (tag, step)."""
    values = {}
    for line in (run / "metrics.jsonl").read_text().splitlines():
        record = json.loads(line)
        values |= {(tag, record["step"]): value for tag, value in tagged_metrics(record).items()}
    return values


def tensorboard_metrics(run):
    """Return the values by (tag, step) that TensorBoard reads. Check that no step is repeated."""
    events = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    values = [
        ((tag, event.step), event.value)
        for tag in events.Tags()["scalars"]
        for event in events.Scalars(tag)
    ]
    assert len(dict(values)) == len(values)
    return dict(values)


def in_float32(values):
    """Return values as TensorBoard stores them, in float32."""
    return {key: float(np.float32(value)) for key, value in values.items()}


def test_the_numbers_of_a_record_are_tagged_as_train_or_validation():
    step = {"step": 3, "loss": 1.5, "topic_loss": 1.0, "learning_rate": 0.1, "note": "none"}
    expected = {"train/loss": 1.5, "train/topic_loss": 1.0, "train/learning_rate": 0.1}
    assert tagged_metrics(step) == expected
    measured = {"step": 3, "validation_loss": 2.0, "validation_topic_loss": 1.0}
    assert tagged_metrics(measured) == {"validation/loss": 2.0, "validation/topic_loss": 1.0}


def test_tensorboard_has_the_values_of_the_metrics_log(tmp_path):
    experiment(tmp_path, "tensorboard", show_predictions=1).train(tmp_path / "run")
    metrics = logged_metrics(tmp_path / "run")
    assert {("train/masked_lm_loss", 1), ("validation/loss", 3)} <= metrics.keys()
    assert tensorboard_metrics(tmp_path / "run") == in_float32(metrics)
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    samples = events.Tensors("samples/masked_lm/1")
    assert [event.step for event in samples] == [3, 6]
    (text,) = samples[0].tensor_proto.string_val
    assert text.decode().startswith("    masked: ")
    assert b"small_bert" in events.Tensors("spec")[0].tensor_proto.string_val[0]


@pytest.mark.parametrize("interrupt", [stop_after, stop_while_logging])
def test_a_resumed_run_has_no_repeated_step_in_tensorboard(interrupt, tmp_path):
    spec = experiment(tmp_path, "tensorboard", evaluate_every=4, checkpoint_every=2)
    with pytest.MonkeyPatch.context() as patch:
        interrupt(patch, 5)
        with pytest.raises((RunInterruptedError, KeyboardInterrupt)):
            spec.train(tmp_path / "run")
    assert ("train/loss", 5) in tensorboard_metrics(tmp_path / "run")
    spec.train(tmp_path / "run")
    assert tensorboard_metrics(tmp_path / "run") == in_float32(logged_metrics(tmp_path / "run"))


def test_a_restarted_run_removes_the_old_event_files(tmp_path):
    spec = experiment(tmp_path, "tensorboard")
    spec.train(tmp_path / "run")
    small = experiment(tmp_path, "tensorboard", steps=2)
    small.train(tmp_path / "run", restart=True)
    assert tensorboard_metrics(tmp_path / "run") == in_float32(logged_metrics(tmp_path / "run"))


def test_a_finished_run_is_not_opened_again(tmp_path):
    spec = experiment(tmp_path, "tensorboard", steps=1)
    spec.train(tmp_path / "run")
    before = list((tmp_path / "run" / "tensorboard").iterdir())
    spec.train(tmp_path / "run")
    assert list((tmp_path / "run" / "tensorboard").iterdir()) == before


def test_event_files_need_no_tensorflow(tmp_path):
    code = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "from pathlib import Path\n"
        "from archbuilder.tracking import TensorBoard\n"
        "from archbuilder.tracking.tracker import RunInfo\n"
        f"run = RunInfo(Path({str(tmp_path)!r}), 'x', {{}}, 0)\n"
        "tracker_run = TensorBoard(type='tensorboard').open(run)\n"
        "tracker_run.log(1, {'train/loss': 1.5})\n"
        "tracker_run.close('finished')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert tensorboard_metrics(tmp_path) == {("train/loss", 1): 1.5}


def test_a_missing_library_is_an_error_before_training(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(UserError, match=r"mlflow is not installed .*'archbuilder\[mlflow\]'"):
        experiment(tmp_path, "mlflow").train(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_tracker_that_is_listed_twice_is_rejected(tmp_path):
    with pytest.raises(SpecError, match="tensorboard is listed twice"):
        experiment(tmp_path, "tensorboard", "tensorboard")


class FakeMLflow:
    """A fake MLflow client that records the calls of each run."""

    def __init__(self, experiments=None):
        self.runs, self.experiments, self.is_unreachable = {}, experiments or {}, False

    def module(self):
        module = ModuleType("mlflow")
        module.MlflowClient = lambda tracking_uri: self
        module.entities = SimpleNamespace(
            Metric=lambda key, value, timestamp, step: ((key, step), value),
            Param=lambda key, value: (key, value),
        )
        return module

    def get_experiment_by_name(self, name):
        experiment_id = self.experiments.get(name)
        return experiment_id and SimpleNamespace(experiment_id=experiment_id)

    def create_experiment(self, name):
        return self.experiments.setdefault(name, "7")

    def create_run(self, experiment_id, run_name):
        run_id = f"run-{len(self.runs)}"
        self.runs[run_id] = {
            "name": run_name,
            "experiment_id": experiment_id,
            "metrics": [],
            "params": [],
        }
        return SimpleNamespace(info=SimpleNamespace(run_id=run_id))

    def update_run(self, run_id, status):
        self.runs[run_id]["status"] = status

    def log_batch(self, run_id, metrics=(), params=()):
        if self.is_unreachable:
            raise ConnectionError("no route to host\nand much more")
        assert len(params) <= 100
        self.runs[run_id]["metrics"] += metrics
        self.runs[run_id]["params"] += params

    def get_metric_history(self, run_id, tag):
        steps = (key[1] for key, _ in self.runs[run_id]["metrics"] if key[0] == tag)
        return [SimpleNamespace(step=step) for step in steps]

    def log_text(self, run_id, text, file):
        self.runs[run_id][file] = text

    set_terminated = update_run


class FakeWandb:
    """A fake Weights & Biases that stores rows by run and rejects steps before its last step."""

    def __init__(self):
        self.runs, self.settings, self.exit_codes = {}, [], []

    def module(self):
        module = ModuleType("wandb")
        module.Settings = dict
        module.Table = lambda columns, data: (columns, data)
        module.init = self.init
        return module

    def init(self, **settings):
        self.settings.append(settings)
        run_id = settings["id"] or f"run-{len(self.runs)}"
        rows = self.runs.setdefault(run_id, {})
        first_step = max(rows, default=-1) + 1
        run = SimpleNamespace(id=run_id, offline=False, url="https://here/run", step=first_step)

        def log(content, step):
            assert step >= run.step
            run.step = step
            rows.setdefault(step, {}).update(content)

        run.log, run.finish = log, self.exit_codes.append
        return run


@pytest.fixture
def mlflow(monkeypatch):
    fake = FakeMLflow()
    monkeypatch.setitem(sys.modules, "mlflow", fake.module())
    return fake


@pytest.fixture
def wandb(monkeypatch):
    fake = FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", fake.module())
    return fake


def train_with_interruption(spec, run):
    with pytest.MonkeyPatch.context() as patch:
        stop_while_logging(patch, 5)
        with pytest.raises(KeyboardInterrupt):
            spec.train(run)
    spec.train(run)


def speed_metrics(values):
    """Return the keys of the metrics that differ when a step is repeated."""
    return {
        key for key in values if key[0] in ("train/tokens_per_second", "train/data_wait_fraction")
    }


def test_a_resumed_run_continues_its_mlflow_run_without_repeated_steps(tmp_path, mlflow):
    spec = experiment(tmp_path, "mlflow", evaluate_every=4, show_predictions=1)
    train_with_interruption(spec, tmp_path / "run")
    (run,) = mlflow.runs.values()
    values, metrics = dict(run["metrics"]), logged_metrics(tmp_path / "run")
    assert len(values) == len(run["metrics"])
    assert values.keys() == metrics.keys()
    assert all(values[key] == metrics[key] for key in metrics.keys() - speed_metrics(metrics))
    assert (run["name"], run["status"]) == ("small_bert", "FINISHED")
    assert dict(run["params"])["model.encoder.num_layers"] == "1"
    assert dict(run["params"])["training.trackers.0.type"] == "mlflow"
    assert run["samples/step-0000004.txt"].startswith("masked: ")


def test_a_resumed_run_continues_its_wandb_run_without_repeated_steps(tmp_path, wandb):
    spec = experiment(tmp_path, "wandb", evaluate_every=4, show_predictions=1)
    train_with_interruption(spec, tmp_path / "run")
    ((run_id, rows),) = wandb.runs.items()
    metrics = logged_metrics(tmp_path / "run")
    values = {(tag, step): value for step, row in rows.items() for tag, value in row.items()}
    columns, ((_, _, truth),) = values.pop(("samples/masked_lm", 4))
    assert columns == ["masked", "filled", "truth"]
    assert truth.endswith(".")
    del values["samples/masked_lm", 6]
    assert values.keys() == metrics.keys()
    assert all(values[key] == metrics[key] for key in metrics.keys() - speed_metrics(metrics))
    assert [settings["id"] for settings in wandb.settings] == [None, run_id]
    assert wandb.settings[0]["config"]["model"]["hidden_dim"] == 16
    assert wandb.exit_codes == [130, 0]


def test_an_unreachable_server_is_reported_once_and_training_continues(tmp_path, mlflow, capsys):
    spec = experiment(tmp_path, "mlflow", "tensorboard")
    take_step = Trainer._run_step

    def take_step_without_server(self, batches):
        mlflow.is_unreachable = self.state.step >= 2
        return take_step(self, batches)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_run_step", take_step_without_server)
        assert spec.train(tmp_path / "run")["step"] == 6
    output = capsys.readouterr().out
    assert output.count("warning: mlflow failed and is disabled: no route to host\n") == 1
    assert "and much more" not in output
    assert tensorboard_metrics(tmp_path / "run") == in_float32(logged_metrics(tmp_path / "run"))


def test_a_tracker_that_cannot_be_opened_stops_a_new_run_but_not_a_resumed_one(
    tmp_path, mlflow, capsys
):
    spec = experiment(tmp_path, "mlflow")
    mlflow.is_unreachable = True
    with pytest.raises(UserError, match=r"mlflow cannot be opened: no route to host$"):
        spec.train(tmp_path / "run")
    mlflow.is_unreachable = False
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, 3)
        with pytest.raises(RunInterruptedError):
            spec.train(tmp_path / "run")
    (run_id,) = [key for key, run in mlflow.runs.items() if run.get("status") == "KILLED"]
    del mlflow.runs[run_id]
    assert spec.train(tmp_path / "run")["step"] == 6
    assert "warning: mlflow cannot be opened" in capsys.readouterr().out


def test_flatten_returns_every_value_of_a_spec():
    plain = {"a": {"b": 1, "c": [2, {"d": 3}], "e": []}}
    assert dict(flatten(plain)) == {"a.b": 1, "a.c.0": 2, "a.c.1.d": 3, "a.e": []}
