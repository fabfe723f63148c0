"""TensorBoard: event files in the run folder."""

import shutil
from collections.abc import Sequence
from importlib import import_module
from time import time
from typing import Any, Literal

from archbuilder.language import plain_text
from archbuilder.tracking.sample import Sample
from archbuilder.tracking.tracker import BaseTracker, RunInfo, RunStatus, TrackerRun


class TensorBoard(BaseTracker):
    """Event files in the run folder's tensorboard/, as `tensorboard --logdir` reads them."""

    type: Literal["tensorboard"]

    def open(self, run: RunInfo) -> TrackerRun:
        return EventFiles(run)


class EventFiles(TrackerRun):
    """A new event file beside those of the run before it was resumed.

    It begins with the mark that makes a reader drop what earlier files have from this step on.
    """

    def __init__(self, run: RunInfo):
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        folder = run.folder / "tensorboard"
        self.location = f"tensorboard --logdir {folder}"
        if not run.step:
            shutil.rmtree(folder, ignore_errors=True)
        self._writer = EventFileWriter(str(folder))
        # The classes of these modules are made when they are loaded.
        self._events: Any = import_module("tensorboard.compat.proto.event_pb2")
        self._summaries: Any = import_module("tensorboard.compat.proto.summary_pb2")
        start = self._events.SessionLog(status=self._events.SessionLog.START)
        self._add(run.step + 1, session_log=start)
        if not run.step:
            self._add(0, summary=_text_summary("spec", plain_text(run.spec)))
        self._writer.flush()

    def log(self, step: int, metrics: dict[str, float]) -> None:
        summary = self._summaries.Summary
        values = [summary.Value(tag=tag, simple_value=value) for tag, value in metrics.items()]
        self._add(step, summary=summary(value=values))
        self._writer.flush()  # A checkpoint may follow, from which the run is resumed.

    def samples(self, step: int, samples: Sequence[Sample]) -> None:
        for number, sample in enumerate(samples, start=1):
            lines = "\n".join(f"{label}: {text}" for label, text in sample.texts.items())
            summary = _text_summary(f"samples/{sample.objective}/{number}", lines)
            self._add(step, summary=summary)
        self._writer.flush()

    def close(self, status: RunStatus) -> None:
        self._writer.close()

    def _add(self, step: int, **content: Any) -> None:
        self._writer.add_event(self._events.Event(step=step, wall_time=time(), **content))


def _text_summary(tag: str, text: str) -> Any:
    """Return a summary of a text; indented, as Markdown then shows its lines unchanged."""
    from tensorboard.plugins.text.summary_v2 import text_pb

    return text_pb(tag, "\n".join(f"    {line}" for line in text.splitlines()))
