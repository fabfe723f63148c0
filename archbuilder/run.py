"""The Python API of a run folder, which the commands `predict` and `export` call."""

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
    """The largest absolute difference from the model, after loading the export again."""
    notes: tuple[str, ...]
    """What could not be written."""


@dataclass(frozen=True)
class EvaluationResult:
    """The metrics of a model on a text."""

    split: str
    """`train` or `validation`."""
    metrics: Mapping[str, float]
    """The loss, and the metrics of each objective, by name."""

    def _repr_html_(self) -> str:
        return html_table(self.split, ("metric", "value"), self.metrics.items())


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

    @property
    def step(self) -> int | None:
        """The step of the newest checkpoint; None: there is no checkpoint."""
        return self.folder.checkpoints.newest_step()

    @property
    def state(self) -> str:
        """`finished` after all `training.steps`, else `trained` with a model, else `untrained`."""
        training = self.experiment.training
        if not self.folder.model.exists():
            return "untrained"
        steps = training.steps if training is not None else None
        return "finished" if steps is not None and (self.step or 0) >= steps else "trained"

    def model(self) -> "keras.Model":
        """Return the best model, in float32, newly loaded.

        Raises:
            UserError: There is no model yet, or it cannot be read.
        """
        load_keras()
        return load_graph(self.experiment, self.folder).model

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

    def evaluate(self, split: str = "validation") -> EvaluationResult:
        """Measure the best model on a text of the spec, as training does.

        Args:
            split: "train" or "validation". Default: "validation".

        Raises:
            UserError: The run has no such text, or no model yet.
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
            UserError: There are none, as after an import, or they cannot be read.
        """
        return read_metrics(self.folder.metrics)

    def export(self, format: str, path: Path | str) -> ExportResult:
        """Write the best model in a format, load it again, and compare the two.

        Args:
            format: The name of an export format, such as `saved_model`.
            path: The file or directory to create.

        Raises:
            UserError: The run cannot be exported in this format, or not to this path.
            ExportError: The export cannot be loaded again, or differs from the model.
        """
        from archbuilder.exchange.export import check_export, export

        path, notes = Path(path), list[str]()
        check_export(self.folder, format, path)
        load_keras()
        difference = export(self.folder, format, path, notes.append)
        return ExportResult(path, format, difference, tuple(notes))

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
        graph = load_graph(experiment, self.folder)
        return TaskParts(graph, self.folder.vocabularies(), max_length)


def open_run(path: Path | str) -> Run:
    """Return the run in a run folder. Raise `UserError` if it is not one."""
    return Run(path)
