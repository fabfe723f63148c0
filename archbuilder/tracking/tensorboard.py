"""TensorBoard tracker, which writes event files to the run folder."""

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
    """TensorBoard. Event files are written to the folder `tensorboard` in the run folder."""

    type: Literal["tensorboard"]

    @override
    def open(self, run: RunInfo) -> TrackerRun:
        return EventFiles(run)


class EventFiles(TrackerRun):
    """Event files of a run. A resumed run adds a new file to those of the earlier training.

    The first event of the new file makes TensorBoard ignore earlier events of repeated steps.
    """

    def __init__(self, run: RunInfo) -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        folder = run.folder / "tensorboard"
        self.location = f"tensorboard --logdir {folder}"
        if not run.step:
            shutil.rmtree(folder, ignore_errors=True)
        self._writer = EventFileWriter(str(folder))
        # Protobuf creates the classes of these modules at import; type checkers do not find them.
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
        self._writer.flush()  # Write the events before a checkpoint of this step.

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
    """Return a text summary. Its lines are indented, so that Markdown shows them unchanged."""
    from tensorboard.plugins.text.summary_v2 import text_pb

    return text_pb(tag, "\n".join(f"    {line}" for line in text.splitlines()))
