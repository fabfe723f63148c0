"""Weights & Biases: a run in one of its projects."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Literal

from archbuilder.tracking.sample import Sample
from archbuilder.tracking.tracker import BaseTracker, Name, RunInfo, RunStatus, TrackerRun


class WeightsAndBiases(BaseTracker):
    """A run in a Weights & Biases project."""

    type: Literal["wandb"]
    project: Name = "archbuilder"
    """The project."""
    entity: Name | None = None
    """The user or team whose project it is; unless told, whoever is logged in."""

    def open(self, run: RunInfo) -> TrackerRun:
        return WandbRun(self, run)


class WandbRun(TrackerRun):
    """A run by its identifier; steps that it has already are not logged again.

    Offline, each start writes a file of its own, and `wandb sync` joins them.
    """

    def __init__(self, spec: WeightsAndBiases, run: RunInfo):
        self._wandb: Any = import_module("wandb")
        # Print nothing, and let an unreachable server not hold up the end of the run: the rest is
        # in the run folder, for `wandb sync`.
        settings = self._wandb.Settings(silent=True, console="off", finish_timeout=60)
        self._run = self._wandb.init(
            project=spec.project,
            entity=spec.entity,
            name=run.name,
            dir=str(run.folder),
            config=run.spec,
            id=run.run_id,
            resume="allow",
            settings=settings,
        )
        self.run_id = self._run.id
        self.location = str(self._run.dir if self._run.offline else self._run.url)

    def log(self, step: int, metrics: dict[str, float]) -> None:
        self._log(step, metrics)

    def samples(self, step: int, samples: Sequence[Sample]) -> None:
        for name in {sample.objective for sample in samples}:
            texts = [sample.texts for sample in samples if sample.objective == name]
            rows = [list(row.values()) for row in texts]
            table = self._wandb.Table(columns=list(texts[0]), data=rows)
            self._log(step, {f"samples/{name}": table})

    def close(self, status: RunStatus) -> None:
        self._run.finish({"finished": 0, "interrupted": 130, "failed": 1}[status])

    def _log(self, step: int, content: dict[str, Any]) -> None:
        if step >= self._run.step:
            self._run.log(content, step=step)
