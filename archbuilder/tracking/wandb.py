"""Weights & Biases tracker, which logs to a run in a project."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Literal

from typing_extensions import override

from archbuilder.tracking.sample import Sample
from archbuilder.tracking.tracker import BaseTracker, Name, RunInfo, RunStatus, TrackerRun


class WeightsAndBiases(BaseTracker):
    """Weights & Biases. The run is logged to a project."""

    type: Literal["wandb"]
    project: Name = "archbuilder"
    """Name of the project in which the run is created."""
    entity: Name | None = None
    """User or team that owns the project. Default: the user who is logged in."""

    @override
    def open(self, run: RunInfo) -> TrackerRun:
        return WandbRun(self, run)


class WandbRun(TrackerRun):
    """A run in Weights & Biases. The metrics of a repeated step are not logged again.

    In offline mode, each start of training writes a separate file; `wandb sync` uploads them as one
    run.
    """

    def __init__(self, tracker: WeightsAndBiases, run: RunInfo) -> None:
        self._wandb: Any = import_module("wandb")
        # Print nothing. At the end of the run, wait at most 60 seconds for an unreachable server:
        # the run folder contains the unsent data, which `wandb sync` can upload.
        settings = self._wandb.Settings(silent=True, console="off", finish_timeout=60)
        self._run = self._wandb.init(
            project=tracker.project,
            entity=tracker.entity,
            name=run.name,
            dir=str(run.folder),
            config=run.spec,
            id=run.run_id,
            resume="allow",
            settings=settings,
        )
        self.run_id = self._run.id
        self.location = str(self._run.dir if self._run.offline else self._run.url)

    @override
    def log(self, step: int, metrics: dict[str, float]) -> None:
        self._log(step, metrics)

    @override
    def samples(self, step: int, samples: Sequence[Sample]) -> None:
        for name in {sample.objective for sample in samples}:
            texts = [sample.texts for sample in samples if sample.objective == name]
            rows = [list(row.values()) for row in texts]
            table = self._wandb.Table(columns=list(texts[0]), data=rows)
            self._log(step, {f"samples/{name}": table})

    @override
    def close(self, status: RunStatus) -> None:
        exit_codes = {"finished": 0, "interrupted": 130, "failed": 1}  # 130: SIGINT, as in shells.
        self._run.finish(exit_codes[status])

    def _log(self, step: int, content: dict[str, Any]) -> None:
        if step >= self._run.step:
            self._run.log(content, step=step)
