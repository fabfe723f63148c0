"""The Python API of a run folder: what the commands `predict`, `evaluate` and `export` do."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from archbuilder.errors import UserError
from archbuilder.experiment import Experiment, load
from archbuilder.inference.load_model import trained
from archbuilder.inference.task import Prediction, Task, TaskParts, max_line_length
from archbuilder.inference.tasks import available_tasks
from archbuilder.keras_backend import load_keras
from archbuilder.runs.run_folder import RunFolder

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class ExportResult:
    """An exported model."""

    path: Path
    """The file or directory that was created."""
    format: str
    """The name of the format."""
    largest_difference: float
    """The largest absolute difference from the model, after loading the export again."""
    notes: tuple[str, ...]
    """What could not be written."""


class Run:
    """A run folder, written by training or by an import."""

    def __init__(self, path: Path | str):
        """Open a run folder. Raise `UserError` if it is not one."""
        self.folder = RunFolder(path)
        self.experiment: Experiment = load(self.folder.spec_path())

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.folder.path

    def model(self) -> "keras.Model":
        """Return the best model, in float32, newly loaded.

        Raises:
            UserError: There is no model yet, or it cannot be read.
        """
        load_keras()
        return trained(self.experiment, self.folder).model

    def predict(
        self, lines: Iterable[str], task: str | None = None, top_k: int = 5
    ) -> Iterator[Prediction]:
        """Return an iterator over one prediction for each line, in order.

        The model is loaded at the first call.

        Args:
            lines: Lines of text.
            task: `fill_mask`, `embed` or `translate`. Default: what the objectives are for.
            top_k: Number of candidates for each mask. Default: 5.

        Raises:
            UserError: The run cannot do the task, or a line is too long or has no mask; the latter
                is raised when the first prediction is read.
        """
        if isinstance(lines, str):
            raise TypeError("lines must be an iterable of strings, not a string")
        return self._task(task, top_k)(list(lines))

    def export(self, format: str, path: Path | str) -> ExportResult:
        """Write the best model in a format, load it again, and compare the two.

        Args:
            format: The name of an export format, such as `saved_model`.
            path: The file or directory to create.

        Raises:
            UserError: The run cannot be exported in this format, or not to this path.
            ExportFailed: The export cannot be loaded again, or differs from the model.
        """
        from archbuilder.exchange.export import check, export

        path, notes = Path(path), list[str]()
        check(self.folder, format, path)
        load_keras()
        difference = export(self.folder, format, path, notes.append)
        return ExportResult(path, format, difference, tuple(notes))

    def _task(self, name: str | None, top_k: int) -> Task:
        experiment = self.experiment
        tasks = available_tasks(experiment.model, experiment.objectives)
        if not tasks:
            raise UserError(f"{self.path}: none of its objectives has a task to predict")
        if name is not None and name not in tasks:
            raise UserError(f"no task {name!r} here; this run can do: {', '.join(tasks)}")
        task, objective = tasks[name or next(iter(tasks))]
        return task.create(self._task_parts, objective, top_k)

    @cached_property
    def _task_parts(self) -> TaskParts:
        load_keras()
        experiment = self.experiment
        max_length = max_line_length(experiment.model, experiment.data)
        graph = trained(experiment, self.folder)
        return TaskParts(graph, self.folder.vocabularies(), max_length)
