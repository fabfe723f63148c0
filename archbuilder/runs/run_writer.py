"""Writers of training results. If there are several processes, only the first one writes files."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from archbuilder.runs.checkpoint import Checkpoint
from archbuilder.runs.metrics_log import MetricsLog
from archbuilder.runs.model_file import save_model
from archbuilder.runs.run_folder import RunFolder

if TYPE_CHECKING:
    import keras


class RunWriter(ABC):
    """The interface of writers. Every method may raise OSError."""

    @abstractmethod
    def log(self, record: dict[str, Any]) -> None:
        """Append a record to the metrics log."""

    @abstractmethod
    def truncate_metrics(self, step: int) -> None:
        """Remove the metrics after `step`, since training repeats the later steps."""

    @abstractmethod
    def save_checkpoint(
        self, checkpoint: Checkpoint, best_step: int | None, keep: int, stopped: bool
    ) -> None:
        """Write a checkpoint; see `CheckpointStore.save`."""

    @abstractmethod
    def save_model(self, model: "keras.Model") -> None:
        """Save a model as the best model of the run."""


class FolderWriter(RunWriter):
    """A writer that writes to a run folder."""

    def __init__(self, run: RunFolder) -> None:
        self._run, self._metrics = run, MetricsLog(run.metrics)

    @override
    def log(self, record: dict[str, Any]) -> None:
        self._metrics.append(record)

    @override
    def truncate_metrics(self, step: int) -> None:
        self._metrics.truncate(step)

    @override
    def save_checkpoint(
        self, checkpoint: Checkpoint, best_step: int | None, keep: int, stopped: bool
    ) -> None:
        self._run.checkpoints.save(checkpoint, best_step, keep, stopped)

    @override
    def save_model(self, model: "keras.Model") -> None:
        save_model(model, self._run.model)


class NullWriter(RunWriter):
    """A writer that discards everything, for all processes except the first one."""

    @override
    def log(self, record: dict[str, Any]) -> None:
        pass

    @override
    def truncate_metrics(self, step: int) -> None:
        pass

    @override
    def save_checkpoint(
        self, checkpoint: Checkpoint, best_step: int | None, keep: int, stopped: bool
    ) -> None:
        pass

    @override
    def save_model(self, model: "keras.Model") -> None:
        pass
