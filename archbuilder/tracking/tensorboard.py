"""TensorBoard: writes event files to the run folder."""

import shutil
from collections.abc import Sequence
from importlib import import_module
from time import time
from typing import Any, Literal

from typing_extensions import override

from archbuilder.language import to_yaml
from archbuilder.tracking.sample import Sample
from archbuilder.tracking.tracker import BaseTracker, RunInfo, RunStatus, TrackerRun


class TensorBoard(BaseTracker):
    """TensorBoard, which reads event files from the folder `tensorboard` in the run folder."""

    type: Literal["tensorboard"]

    @override
    def open(self, run: RunInfo) -> TrackerRun:
        return EventFiles(run)


class EventFiles(TrackerRun):
    """A new event file in the folder that has the files of the run before it was resumed.

    Its first event makes TensorBoard ignore the events of earlier files after the resumed step.
    """

    def __init__(self, run: RunInfo) -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        folder = run.folder / "tensorboard"
        self.location = f"tensorboard --logdir {folder}"
        if not run.step:
            shutil.rmtree(folder, ignore_errors=True)
        self._writer = EventFileWriter(str(folder))
        # Protobuf generates the classes of these modules at import, so type checkers miss them.
        self._events: Any = import_module("tensorboard.compat.proto.event_pb2")
        self._summaries: Any = import_module("tensorboard.compat.proto.summary_pb2")
        start = self._events.SessionLog(status=self._events.SessionLog.START)
        self._add(run.step + 1, session_log=start)
        if not run.step:
            self._add(0, summary=_text_summary("spec", to_yaml(run.spec)))
        self._writer.flush()

    @override
    def log(self, step: int, metrics: dict[str, float]) -> None:
        summary = self._summaries.Summary
        values = [summary.Value(tag=tag, simple_value=value) for tag, value in metrics.items()]
        self._add(step, summary=summary(value=values))
        self._writer.flush()  # A checkpoint may follow, so the events must be on disk.

    @override
    def samples(self, step: int, samples: Sequence[Sample]) -> None:
        for number, sample in enumerate(samples, start=1):
            lines = "\n".join(f"{label}: {text}" for label, text in sample.texts.items())
            summary = _text_summary(f"samples/{sample.objective}/{number}", lines)
            self._add(step, summary=summary)
        self._writer.flush()

    @override
    def close(self, status: RunStatus) -> None:
        self._writer.close()

    def _add(self, step: int, **content: Any) -> None:
        self._writer.add_event(self._events.Event(step=step, wall_time=time(), **content))


def _text_summary(tag: str, text: str) -> Any:
    """Return a summary of a text, indented so that Markdown shows its lines unchanged."""
    from tensorboard.plugins.text.summary_v2 import text_pb

    return text_pb(tag, "\n".join(f"    {line}" for line in text.splitlines()))
