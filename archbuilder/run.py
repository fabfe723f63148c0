"""The Python API of a run folder, used by the commands `predict` and `export`."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from archbuilder.errors import UserError
from archbuilder.experiment import Experiment, load
from archbuilder.html_table import html_table
from archbuilder.inference.load_model import load_graph
from archbuilder.inference.task import Prediction, Task, TaskParts, max_line_length
from archbuilder.inference.tasks import available_tasks
from archbuilder.keras_backend import load_keras
from archbuilder.objectives import evaluation_metrics, loss_terms
from archbuilder.runs.metrics_log import MetricsTable, read_metrics
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
    """The largest absolute difference between the outputs of the model and of the export."""
    notes: tuple[str, ...]
    """Messages about parts of the model that the format cannot store."""


@dataclass(frozen=True)
class EvaluationResult:
    """The metrics of a model on one split of the data."""

    split: str
    """`train` or `validation`."""
    metrics: Mapping[str, float]
    """The total loss and the metrics of each objective, by name."""

    def _repr_html_(self) -> str:
        return html_table(self.split, ("metric", "value"), self.metrics.items())


class Run:
    """A trained or imported model in its run folder."""

    def __init__(self, path: Path | str) -> None:
        """Open a run folder. Raise UserError if the path is not one."""
        self.folder = RunFolder(path)
        self.experiment: Experiment = load(self.folder.spec_path())

    @property
    def path(self) -> Path:
        """The path of the run folder."""
        return self.folder.path

    @property
    def step(self) -> int | None:
        """The step of the newest checkpoint, or None without a checkpoint."""
        return self.folder.checkpoints.newest_step()

    @property
    def state(self) -> str:
        """The progress of training.

        `untrained` without a saved model, `finished` after `training.steps` steps, else `trained`.
        """
        training = self.experiment.training
        if not self.folder.model.exists():
            return "untrained"
        steps = training.steps if training is not None else None
        return "finished" if steps is not None and (self.step or 0) >= steps else "trained"

    def model(self) -> "keras.Model":
        """Load and return the best model, in float32. Each call returns a new model.

        Raises:
            UserError: The run has no model yet, or its file is damaged.
        """
        load_keras()
        return load_graph(self.experiment, self.folder).model

    def predict(
        self, lines: Iterable[str], task: str | None = None, top_k: int = 5
    ) -> Iterator[Prediction]:
        """Return an iterator over one prediction for each line, in order.

        The first call loads the model, and later calls reuse it.

        Args:
            lines: Lines of text.
            task: `fill_mask`, `embed` or `translate`. Default: the task of the run's objectives.
            top_k: Number of candidates for each mask. Default: 5.

        Raises:
            UserError: The task is not available for this run, or a line is too long or has no
                mask. Errors in lines are raised when the first prediction is read.
        """
        if isinstance(lines, str):
            raise TypeError("lines must be an iterable of strings, not a string")
        return self._task(task, top_k)(list(lines))

    def evaluate(self, split: str = "validation") -> EvaluationResult:
        """Measure the best model on one split of the spec's data, as training does.

        Args:
            split: "train" or "validation". Default: "validation".

        Raises:
            UserError: The spec does not have the split, or the run has no model yet.
        """
        spec = self.experiment.for_training("evaluating")
        load_keras(spec.training.backend)
        from archbuilder.training.loop.measurement import measure_graph

        graph = load_graph(self.experiment, self.folder)
        metrics = measure_graph(spec, graph, self.folder.vocabularies(), split)
        return EvaluationResult(split, MappingProxyType(metrics))

    def metrics(self) -> MetricsTable:
        """Return the logged metrics of training steps and evaluations.

        Raises:
            UserError: The run has no metrics, as after an import, or they cannot be read.
        """
        return read_metrics(self.folder.metrics)

    def export(self, format_name: str, path: Path | str) -> ExportResult:
        """Export the best model, then reload the export and compare its outputs.

        Args:
            format_name: The name of an export format, such as `saved_model`.
            path: The file or directory to create.

        Raises:
            UserError: The format does not support the model, or the path exists already or cannot
                be written.
            ExportError: The export cannot be reloaded, or its outputs differ. It is deleted.
        """
        from archbuilder.exchange.export import check_export, export

        path, notes = Path(path), list[str]()
        check_export(self.folder, format_name, path)
        load_keras()
        difference = export(self.folder, format_name, path, notes.append)
        return ExportResult(path, format_name, difference, tuple(notes))

    def __repr__(self) -> str:
        facts = ", ".join(f"{name} {value}" for name, value in self._facts().items())
        return f"Run({str(self.path)!r}, {facts})"

    def _repr_html_(self) -> str:
        return html_table(str(self.path), (), self._facts().items())

    def _facts(self) -> dict[str, str]:
        facts = {"experiment": self.experiment.name, "state": self.state}
        if self.step is not None:
            facts["step"] = f"{self.step:,}"
        training = self.experiment.training
        if training is None or not self.folder.metrics.exists():
            return facts
        values = self.metrics().validation(training.monitor).values
        if values:
            metric = evaluation_metrics(loss_terms(self.experiment.objectives))[training.monitor]
            best = max(values) if metric.higher_is_better else min(values)
            facts[f"best validation {training.monitor}"] = f"{best:.6g}"
        return facts

    def _task(self, name: str | None, top_k: int) -> Task:
        experiment = self.experiment
        tasks = available_tasks(experiment.model, experiment.objectives)
        if not tasks:
            raise UserError(f"{self.path}: no prediction task supports the objectives of this run")
        if name is not None and name not in tasks:
            available = ", ".join(tasks)
            raise UserError(f"task {name!r} is not available for this run; choose from {available}")
        task, objective = tasks[name or next(iter(tasks))]
        return task.create(self._task_parts, objective, top_k)

    @cached_property
    def _task_parts(self) -> TaskParts:
        load_keras()
        experiment = self.experiment
        max_length = max_line_length(experiment.model, experiment.data)
        graph = load_graph(experiment, self.folder)
        return TaskParts(graph, self.folder.vocabularies(), max_length)


def open_run(path: Path | str) -> Run:
    """Return the run in a run folder. Raise UserError if the path is not a run folder."""
    return Run(path)
