"""What a tracker is given is what metrics.jsonl has, whatever was cut, and it can do no harm."""

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
    """Ask for a stop as soon as `step` was taken."""
    taken, begun, stops = Trainer._take_step, StopRequest.__enter__, []

    def take(self, batches):
        found = taken(self, batches)
        stops[-1].is_requested = self.state.step >= step
        return found

    patch.setattr(StopRequest, "__enter__", lambda self: stops.append(self) or begun(self))
    patch.setattr(Trainer, "_take_step", take)


def stop_while_logging(patch, step):
    """Break off, as a kill would, after `step` was logged and before its checkpoint is there."""
    log = RunOutput.log

    def logged(self, record):
        log(self, record)
        if record["step"] == step:
            raise KeyboardInterrupt

    patch.setattr(RunOutput, "log", logged)


def in_metrics(run):
    """Numbers by (tag, step)."""
    found = {}
    for line in (run / "metrics.jsonl").read_text().splitlines():
        record = json.loads(line)
        found |= {(tag, record["step"]): value for tag, value in tagged_metrics(record).items()}
    return found


def in_tensorboard(run):
    """Numbers by (tag, step), as TensorBoard's own reader finds them; no step twice."""
    events = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    found = [
        ((tag, event.step), event.value)
        for tag in events.Tags()["scalars"]
        for event in events.Scalars(tag)
    ]
    assert len(dict(found)) == len(found)
    return dict(found)


def as_stored(values):
    """TensorBoard keeps numbers in 32 bits."""
    return {key: float(np.float32(value)) for key, value in values.items()}


def test_a_records_numbers_are_tagged_by_what_they_are_of():
    step = {"step": 3, "loss": 1.5, "topic_loss": 1.0, "learning_rate": 0.1, "note": "none"}
    expected = {"train/loss": 1.5, "train/topic_loss": 1.0, "train/learning_rate": 0.1}
    assert tagged_metrics(step) == expected
    measured = {"step": 3, "validation_loss": 2.0, "validation_topic_loss": 1.0}
    assert tagged_metrics(measured) == {"validation/loss": 2.0, "validation/topic_loss": 1.0}


def test_tensorboard_reads_what_the_metrics_have(tmp_path):
    experiment(tmp_path, "tensorboard", show_predictions=1).train(tmp_path / "run")
    metrics = in_metrics(tmp_path / "run")
    assert {("train/masked_lm_loss", 1), ("validation/loss", 3)} <= metrics.keys()
    assert in_tensorboard(tmp_path / "run") == as_stored(metrics)
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    samples = events.Tensors("samples/masked_lm/1")
    assert [event.step for event in samples] == [3, 6]
    (text,) = samples[0].tensor_proto.string_val
    assert text.decode().startswith("    masked: ")
    assert b"small_bert" in events.Tensors("spec")[0].tensor_proto.string_val[0]


@pytest.mark.parametrize("cut", [stop_after, stop_while_logging])
def test_a_resumed_run_leaves_no_step_twice_in_tensorboard(cut, tmp_path):
    one = experiment(tmp_path, "tensorboard", evaluate_every=4, checkpoint_every=2)
    with pytest.MonkeyPatch.context() as patch:
        cut(patch, 5)
        with pytest.raises((RunInterruptedError, KeyboardInterrupt)):
            one.train(tmp_path / "run")
    assert ("train/loss", 5) in in_tensorboard(tmp_path / "run")
    one.train(tmp_path / "run")
    assert in_tensorboard(tmp_path / "run") == as_stored(in_metrics(tmp_path / "run"))


def test_a_run_that_begins_afresh_leaves_nothing_of_the_old_one(tmp_path):
    one = experiment(tmp_path, "tensorboard")
    one.train(tmp_path / "run")
    small = experiment(tmp_path, "tensorboard", steps=2)
    small.train(tmp_path / "run", restart=True)
    assert in_tensorboard(tmp_path / "run") == as_stored(in_metrics(tmp_path / "run"))


def test_a_finished_run_is_not_opened_again(tmp_path):
    one = experiment(tmp_path, "tensorboard", steps=1)
    one.train(tmp_path / "run")
    before = list((tmp_path / "run" / "tensorboard").iterdir())
    one.train(tmp_path / "run")
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
    assert in_tensorboard(tmp_path) == {("train/loss", 1): 1.5}


def test_a_library_that_is_missing_is_told_before_anything_is_done(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(UserError, match=r"mlflow is not installed .*'archbuilder\[mlflow\]'"):
        experiment(tmp_path, "mlflow").train(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_tracker_that_stands_twice_is_refused(tmp_path):
    with pytest.raises(SpecError, match="tensorboard is listed twice"):
        experiment(tmp_path, "tensorboard", "tensorboard")


class Store:
    """A stand-in for MLflow: what a client of it was told, by run."""

    def __init__(self, experiments=None):
        self.runs, self.experiments, self.gone = {}, experiments or {}, False

    def module(self):
        found = ModuleType("mlflow")
        found.MlflowClient = lambda tracking_uri: self
        found.entities = SimpleNamespace(
            Metric=lambda key, value, timestamp, step: ((key, step), value),
            Param=lambda key, value: (key, value),
        )
        return found

    def get_experiment_by_name(self, name):
        known = self.experiments.get(name)
        return known and SimpleNamespace(experiment_id=known)

    def create_experiment(self, name):
        return self.experiments.setdefault(name, "7")

    def create_run(self, within, run_name):
        known = f"run-{len(self.runs)}"
        self.runs[known] = {"name": run_name, "in": within, "metrics": [], "params": []}
        return SimpleNamespace(info=SimpleNamespace(run_id=known))

    def update_run(self, known, status):
        self.runs[known]["status"] = status

    def log_batch(self, known, metrics=(), params=()):
        if self.gone:
            raise ConnectionError("no route to host\nand much more")
        assert len(params) <= 100
        self.runs[known]["metrics"] += metrics
        self.runs[known]["params"] += params

    def get_metric_history(self, known, tag):
        steps = (key[1] for key, _ in self.runs[known]["metrics"] if key[0] == tag)
        return [SimpleNamespace(step=step) for step in steps]

    def log_text(self, known, text, file):
        self.runs[known][file] = text

    set_terminated = update_run


class Project:
    """A stand-in for Weights & Biases: rows by run, which takes no step below its last."""

    def __init__(self):
        self.runs, self.asked, self.ended = {}, [], []

    def module(self):
        found = ModuleType("wandb")
        found.Settings = dict
        found.Table = lambda columns, data: (columns, data)
        found.init = self.init
        return found

    def init(self, **settings):
        self.asked.append(settings)
        known = settings["id"] or f"run-{len(self.runs)}"
        rows = self.runs.setdefault(known, {})
        begins = max(rows, default=-1) + 1
        run = SimpleNamespace(id=known, offline=False, url="https://here/run", step=begins)

        def log(content, step):
            assert step >= run.step
            run.step = step
            rows.setdefault(step, {}).update(content)

        run.log, run.finish = log, self.ended.append
        return run


@pytest.fixture
def store(monkeypatch):
    found = Store()
    monkeypatch.setitem(sys.modules, "mlflow", found.module())
    return found


@pytest.fixture
def project(monkeypatch):
    found = Project()
    monkeypatch.setitem(sys.modules, "wandb", found.module())
    return found


def cut_and_resumed(one, run):
    with pytest.MonkeyPatch.context() as patch:
        stop_while_logging(patch, 5)
        with pytest.raises(KeyboardInterrupt):
            one.train(run)
    one.train(run)


def rates(values):
    """What alone is not the same when a step is taken again."""
    return {
        key for key in values if key[0] in ("train/tokens_per_second", "train/data_wait_fraction")
    }


def test_mlflow_goes_on_in_the_same_run_and_has_no_step_twice(tmp_path, store):
    one = experiment(tmp_path, "mlflow", evaluate_every=4, show_predictions=1)
    cut_and_resumed(one, tmp_path / "run")
    (run,) = store.runs.values()
    found, metrics = dict(run["metrics"]), in_metrics(tmp_path / "run")
    assert len(found) == len(run["metrics"])
    assert found.keys() == metrics.keys()
    assert all(found[key] == metrics[key] for key in metrics.keys() - rates(metrics))
    assert (run["name"], run["status"]) == ("small_bert", "FINISHED")
    assert dict(run["params"])["model.encoder.num_layers"] == "1"
    assert dict(run["params"])["training.trackers.0.type"] == "mlflow"
    assert run["samples/step-0000004.txt"].startswith("masked: ")


def test_wandb_goes_on_in_the_same_run_and_has_no_step_twice(tmp_path, project):
    one = experiment(tmp_path, "wandb", evaluate_every=4, show_predictions=1)
    cut_and_resumed(one, tmp_path / "run")
    ((known, rows),) = project.runs.items()
    metrics = in_metrics(tmp_path / "run")
    found = {(tag, step): value for step, row in rows.items() for tag, value in row.items()}
    columns, ((_, _, truth),) = found.pop(("samples/masked_lm", 4))
    assert columns == ["masked", "filled", "truth"]
    assert truth.endswith(".")
    del found["samples/masked_lm", 6]
    assert found.keys() == metrics.keys()
    assert all(found[key] == metrics[key] for key in metrics.keys() - rates(metrics))
    assert [asked["id"] for asked in project.asked] == [None, known]
    assert project.asked[0]["config"]["model"]["hidden_dim"] == 16
    assert project.ended == [130, 0]


def test_a_server_that_is_gone_is_told_once_and_the_run_goes_on(tmp_path, store, capsys):
    one = experiment(tmp_path, "mlflow", "tensorboard")
    taken = Trainer._take_step

    def take(self, batches):
        store.gone = self.state.step >= 2
        return taken(self, batches)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_take_step", take)
        assert one.train(tmp_path / "run")["step"] == 6
    told = capsys.readouterr().out
    assert told.count("warning: mlflow failed and is disabled: no route to host\n") == 1
    assert "and much more" not in told
    assert in_tensorboard(tmp_path / "run") == as_stored(in_metrics(tmp_path / "run"))


def test_what_cannot_be_opened_ends_a_run_that_begins_and_not_one_that_goes_on(
    tmp_path, store, capsys
):
    one = experiment(tmp_path, "mlflow")
    store.gone = True
    with pytest.raises(UserError, match=r"mlflow cannot be opened: no route to host$"):
        one.train(tmp_path / "run")
    store.gone = False
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, 3)
        with pytest.raises(RunInterruptedError):
            one.train(tmp_path / "run")
    (known,) = [key for key, run in store.runs.items() if run.get("status") == "KILLED"]
    del store.runs[known]
    assert one.train(tmp_path / "run")["step"] == 6
    assert "warning: mlflow cannot be opened" in capsys.readouterr().out


def test_a_spec_is_flat_with_nothing_left_out():
    plain = {"a": {"b": 1, "c": [2, {"d": 3}], "e": []}}
    assert dict(flatten(plain)) == {"a.b": 1, "a.c.0": 2, "a.c.1.d": 3, "a.e": []}
