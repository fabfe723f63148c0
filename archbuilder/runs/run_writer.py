"""Writes what training produces into a run folder; of several processes, only the first does."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from archbuilder.runs.checkpoint import Checkpoint
from archbuilder.runs.metrics_log import MetricsLog
from archbuilder.runs.model_file import save_model
from archbuilder.runs.run_folder import RunFolder

if TYPE_CHECKING:
    import keras


class RunWriter(ABC):
    """The interface of writers. Each method may raise OSError where there is one to raise."""

    @abstractmethod
    def log(self, record: dict[str, Any]) -> None:
        """Add a record to the metrics."""

    @abstractmethod
    def truncate_metrics(self, step: int) -> None:
        """Remove the metrics after a step, which will be taken again."""

    @abstractmethod
    def save_checkpoint(
        self, checkpoint: Checkpoint, best_step: int | None, keep: int, stopped: bool
    ) -> None:
        """Write a checkpoint; see `CheckpointStore.save`."""

    @abstractmethod
    def save_model(self, model: "keras.Model") -> None:
        """Save the best model."""


class FolderWriter(RunWriter):
    """Writes into a run folder."""

    def __init__(self, run: RunFolder):
        self._run, self._metrics = run, MetricsLog(run.metrics)

    def log(self, record: dict[str, Any]) -> None:
        self._metrics.append(record)

    def truncate_metrics(self, step: int) -> None:
        self._metrics.truncate(step)

    def save_checkpoint(
        self, checkpoint: Checkpoint, best_step: int | None, keep: int, stopped: bool
    ) -> None:
        self._run.checkpoints.save(checkpoint, best_step, keep, stopped)

    def save_model(self, model: "keras.Model") -> None:
        save_model(model, self._run.model)


class NullWriter(RunWriter):
    """Writes nothing, as another process writes the same run."""

    def log(self, record: dict[str, Any]) -> None:
        pass

    def truncate_metrics(self, step: int) -> None:
        pass

    def save_checkpoint(
        self, checkpoint: Checkpoint, best_step: int | None, keep: int, stopped: bool
    ) -> None:
        pass

    def save_model(self, model: "keras.Model") -> None:
        pass
