"""MLflow: logs to a run of an MLflow experiment."""

import os
from collections.abc import Iterator, Sequence
from importlib import import_module
from time import time
from typing import Any, Literal

from typing_extensions import override

from archbuilder.tracking.sample import Sample
from archbuilder.tracking.tracker import BaseTracker, Name, RunInfo, RunStatus, TrackerRun

_MAX_PARAMETERS = 100
"""The maximum number of parameters that MLflow accepts in one call."""


class MLflow(BaseTracker):
    """MLflow, which stores the run in one of its experiments."""

    type: Literal["mlflow"]
    tracking_uri: Name | None = None
    """URI of the tracking server or store. Default: MLFLOW_TRACKING_URI, or MLflow's default."""
    experiment: Name = "archbuilder"
    """Name of the MLflow experiment. It is created if it does not exist."""

    @override
    def open(self, run: RunInfo) -> TrackerRun:
        return MLflowRun(self, run)


class MLflowRun(TrackerRun):
    """A run in MLflow. The metrics of a repeated step are not logged again."""

    def __init__(self, spec: MLflow, run: RunInfo) -> None:
        # Limit MLflow's retries so that an unreachable server does not block training for minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        self._mlflow: Any = import_module("mlflow")
        self._client = self._mlflow.MlflowClient(tracking_uri=spec.tracking_uri)
        if run.run_id is None:
            self.run_id = self._create(spec, run)
        else:
            self.run_id = run.run_id
            self._client.update_run(self.run_id, status="RUNNING")
        self._is_resumed = run.run_id is not None
        self._last_steps: dict[str, int] = {}
        self.location = f"experiment {spec.experiment}, run {self.run_id}"

    def _create(self, spec: MLflow, run: RunInfo) -> str:
        existing = self._client.get_experiment_by_name(spec.experiment)
        experiment_id = (
            existing.experiment_id if existing else self._client.create_experiment(spec.experiment)
        )
        run_id = self._client.create_run(experiment_id, run_name=run.name).info.run_id
        parameters = [
            self._mlflow.entities.Param(path, str(value)) for path, value in flatten(run.spec)
        ]
        for first in range(0, len(parameters), _MAX_PARAMETERS):
            self._client.log_batch(run_id, params=parameters[first : first + _MAX_PARAMETERS])
        return run_id

    @override
    def log(self, step: int, metrics: dict[str, float]) -> None:
        now = int(1000 * time())
        new = [
            self._mlflow.entities.Metric(tag, value, now, step)
            for tag, value in metrics.items()
            if step > self._last_step(tag)
        ]
        self._client.log_batch(self.run_id, metrics=new)

    @override
    def samples(self, step: int, samples: Sequence[Sample]) -> None:
        blocks = ["\n".join(f"{k}: {v}" for k, v in sample.texts.items()) for sample in samples]
        file = f"samples/step-{step:07d}.txt"
        self._client.log_text(self.run_id, "\n\n".join(blocks) + "\n", file)

    @override
    def close(self, status: RunStatus) -> None:
        names = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}
        self._client.set_terminated(self.run_id, names[status])

    def _last_step(self, tag: str) -> int:
        """Return the last step that MLflow had for a tag when the run was resumed, or -1."""
        if self._is_resumed and tag not in self._last_steps:
            history = self._client.get_metric_history(self.run_id, tag)
            self._last_steps[tag] = max((metric.step for metric in history), default=-1)
        return self._last_steps.get(tag, -1)


def flatten(plain: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of a plain spec with their dotted paths; list indices start at 0."""
    if not isinstance(plain, dict | list) or not plain:
        yield path, plain
        return
    for key, value in plain.items() if isinstance(plain, dict) else enumerate(plain):
        yield from flatten(value, f"{path}.{key}" if path else str(key))
