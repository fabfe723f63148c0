"""Where a run can be watched beside its metrics.jsonl: each tracker as data, and what it writes."""

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from time import time
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from archbuilder.errors import UserError
from archbuilder.language import Spec, plain_text

RunStatus = Literal["finished", "interrupted", "failed"]
Name = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True)
class RunInfo:
    """The run that is tracked."""

    folder: Path
    name: str
    spec: dict
    """The resolved spec, as plain data."""
    step: int
    """What it goes on from; 0 where it begins."""
    known_as: str | None
    """What the tracker called it when it began, where that gives it a name."""


class TrackerRun(ABC):
    """A run in a tracker, open to be written. Whatever goes wrong is an exception of any kind."""

    place: str
    """Where it is to be seen, for a person."""
    known_as: str | None = None
    """What the tracker calls the run, where it gives it a name."""

    @abstractmethod
    def numbers(self, step: int, found: dict[str, float]) -> None:
        """The numbers of a step by tag, as train/loss."""

    @abstractmethod
    def samples(self, step: int, found: Sequence) -> None:
        """What the model made of a few examples, each a `Sample`."""

    @abstractmethod
    def close(self, ending: RunStatus) -> None:
        """The run has ended, or rests."""


class BaseTracker(Spec):
    """The interface of trackers; each `type` is the name of its library, and of ours for it."""

    type: str

    def check(self) -> None:
        """Raises `UserError` where its library cannot be used."""
        try:
            import_module(self.type)
        except ImportError as error:
            raise UserError(
                f"training.trackers: {self.type} is not installed ({error}): "
                f"pip install 'archbuilder[{self.type}]'"
            ) from error

    @abstractmethod
    def open(self, subject: RunInfo) -> TrackerRun:
        """Begin to track a run, or go on with it."""


class TensorBoard(BaseTracker):
    """Event files in the run folder's tensorboard/, as `tensorboard --logdir` reads them."""

    type: Literal["tensorboard"]

    def open(self, subject: RunInfo) -> TrackerRun:
        return EventFiles(subject)


class EventFiles(TrackerRun):
    """A new event file, and those that were there before.

    It opens with the mark after which a reader drops what an earlier file has from this step on.
    """

    def __init__(self, subject: RunInfo):
        from tensorboard.compat.proto.event_pb2 import SessionLog
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        folder = subject.folder / "tensorboard"
        self.place = f"tensorboard --logdir {folder}"
        if not subject.step:
            shutil.rmtree(folder, ignore_errors=True)
        self._writer = EventFileWriter(str(folder))
        self._add(subject.step + 1, session_log=SessionLog(status=SessionLog.START))
        if not subject.step:
            self._add(0, summary=_text("spec", plain_text(subject.spec)))
        self._writer.flush()

    def numbers(self, step, found):
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=tag, simple_value=number) for tag, number in found.items()]
        self._add(step, summary=Summary(value=values))
        self._writer.flush()  # A checkpoint may follow, and a run goes on from that.

    def samples(self, step, found):
        for number, sample in enumerate(found, start=1):
            lines = "\n".join(f"{label}: {text}" for label, text in sample.texts.items())
            self._add(step, summary=_text(f"samples/{sample.objective}/{number}", lines))
        self._writer.flush()

    def close(self, ending):
        self._writer.close()

    def _add(self, step: int, **content) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        self._writer.add_event(Event(step=step, wall_time=time(), **content))


def _text(tag: str, text: str):
    """A summary that shows a text as it stands, which Markdown does where lines are indented."""
    from tensorboard.plugins.text.summary_v2 import text_pb

    return text_pb(tag, "\n".join(f"    {line}" for line in text.splitlines()))


class MLflow(BaseTracker):
    """A run in an MLflow experiment."""

    type: Literal["mlflow"]
    tracking_uri: Name | None = None
    """The server or store; unless told, what MLFLOW_TRACKING_URI says, or MLflow's own."""
    experiment: Name = "archbuilder"
    """The MLflow experiment that the run is one of."""

    def open(self, subject: RunInfo) -> TrackerRun:
        return MLflowRun(self, subject)


class MLflowRun(TrackerRun):
    """A run by its identifier; what it has of a step that is taken again is not written twice."""

    def __init__(self, spec: MLflow, subject: RunInfo):
        # A server that is gone shall not hold the run for the minutes that MLflow tries by itself.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        self._mlflow: Any = import_module("mlflow")
        self._client = self._mlflow.MlflowClient(tracking_uri=spec.tracking_uri)
        if subject.known_as is None:
            self.known_as = self._begun(spec, subject)
        else:
            self.known_as = subject.known_as
            self._client.update_run(self.known_as, status="RUNNING")
        self._goes_on, self._last = subject.known_as is not None, {}
        self.place = f"experiment {spec.experiment}, run {self.known_as}"

    def _begun(self, spec: MLflow, subject: RunInfo) -> str:
        known = self._client.get_experiment_by_name(spec.experiment)
        within = known.experiment_id if known else self._client.create_experiment(spec.experiment)
        run = self._client.create_run(within, run_name=subject.name).info.run_id
        parameters = [
            self._mlflow.entities.Param(name, str(value)) for name, value in flat(subject.spec)
        ]
        for begin in range(0, len(parameters), 100):  # MLflow takes no more at a time.
            self._client.log_batch(run, params=parameters[begin : begin + 100])
        return run

    def numbers(self, step, found):
        now = int(1000 * time())
        metrics = [
            self._mlflow.entities.Metric(tag, number, now, step)
            for tag, number in found.items()
            if step > self._last_step(tag)
        ]
        self._client.log_batch(self.known_as, metrics=metrics)

    def samples(self, step, found):
        blocks = ["\n".join(f"{k}: {v}" for k, v in sample.texts.items()) for sample in found]
        file = f"samples/step-{step:07d}.txt"
        self._client.log_text(self.known_as, "\n\n".join(blocks) + "\n", file)

    def close(self, ending):
        status = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}[ending]
        self._client.set_terminated(self.known_as, status)

    def _last_step(self, tag: str) -> int:
        """The last step of which MLflow had a number under a tag when the run went on."""
        if self._goes_on and tag not in self._last:
            history = self._client.get_metric_history(self.known_as, tag)
            self._last[tag] = max((metric.step for metric in history), default=-1)
        return self._last.get(tag, -1)


class WeightsAndBiases(BaseTracker):
    """A run in a Weights & Biases project."""

    type: Literal["wandb"]
    project: Name = "archbuilder"
    """The project."""
    entity: Name | None = None
    """The user or team whose project it is; unless told, whoever is logged in."""

    def open(self, subject: RunInfo) -> TrackerRun:
        return WandbRun(self, subject)


class WandbRun(TrackerRun):
    """A run by its identifier; of steps that it has already, nothing is written twice.

    Offline each start has a file of its own that knows of no other, until `wandb sync` joins them.
    """

    def __init__(self, spec: WeightsAndBiases, subject: RunInfo):
        self._wandb: Any = import_module("wandb")
        # Our lines stay ours, and a server that is gone does not hold the end of the run: what it
        # did not take lies in the run folder, for `wandb sync`.
        settings = self._wandb.Settings(silent=True, console="off", finish_timeout=60)
        self._run = self._wandb.init(
            project=spec.project,
            entity=spec.entity,
            name=subject.name,
            dir=str(subject.folder),
            config=subject.spec,
            id=subject.known_as,
            resume="allow",
            settings=settings,
        )
        self.known_as = self._run.id
        self.place = str(self._run.dir if self._run.offline else self._run.url)

    def numbers(self, step, found):
        self._log(step, found)

    def samples(self, step, found):
        for name in {sample.objective for sample in found}:
            texts = [sample.texts for sample in found if sample.objective == name]
            rows = [list(one.values()) for one in texts]
            table = self._wandb.Table(columns=list(texts[0]), data=rows)
            self._log(step, {f"samples/{name}": table})

    def close(self, ending):
        self._run.finish({"finished": 0, "interrupted": 130, "failed": 1}[ending])

    def _log(self, step: int, content: dict) -> None:
        if step >= self._run.step:
            self._run.log(content, step=step)


def flat(plain: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a plain spec by their dotted paths; lists count from 0."""
    if not isinstance(plain, dict | list) or not plain:
        yield path, plain
        return
    for key, value in plain.items() if isinstance(plain, dict) else enumerate(plain):
        yield from flat(value, f"{path}.{key}" if path else str(key))


def _one_of_a_type(trackers: tuple[BaseTracker, ...]) -> tuple[BaseTracker, ...]:
    types = [tracker.type for tracker in trackers]
    twice = next((one for place, one in enumerate(types) if one in types[:place]), None)
    if twice is not None:
        raise ValueError(f"{twice} stands twice, and a run is tracked there once")
    return trackers


Tracker = Annotated[TensorBoard | MLflow | WeightsAndBiases, Field(discriminator="type")]

Trackers = Annotated[tuple[Tracker, ...], AfterValidator(_one_of_a_type)]
