"""Forwards metrics to every tracker of a run; a tracker that fails is disabled."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from archbuilder.errors import UserError
from archbuilder.files import write_atomic
from archbuilder.runs.metrics_log import VALIDATION
from archbuilder.stopping import Interrupted
from archbuilder.tracking.sample import Sample
from archbuilder.tracking.tracker import BaseTracker, RunInfo, RunStatus, TrackerRun

_MAX_REASON = 200
"""Characters of an error that are reported."""
_RUN_IDS = "trackers.json"
"""File in the run folder with the identifier that each tracker gave the run."""


class TrackerSet:
    """The trackers that are open."""

    def __init__(self, report: Callable[[str], None] = print):
        self._report = report
        self._open: dict[str, TrackerRun] = {}

    @contextmanager
    def opened(self, trackers: Sequence[BaseTracker], run: RunInfo) -> Iterator[None]:
        """Open the trackers of a run, and close them with the status that the block ends with.

        Raises `UserError` if one cannot be opened for a new run; a resumed run continues without.
        """
        status: RunStatus = "failed"
        try:
            for tracker in trackers:
                self._open_tracker(tracker, run)
            yield
            status = "finished"
        except (Interrupted, KeyboardInterrupt):
            status = "interrupted"
            raise
        finally:
            self._each(lambda tracker_run: tracker_run.close(status))
            self._open.clear()

    def log(self, record: dict[str, Any]) -> None:
        """Log a record as it is written to metrics.jsonl."""
        self._each(lambda tracker_run: tracker_run.log(record["step"], tagged_metrics(record)))

    def samples(self, step: int, samples: Sequence[Sample]) -> None:
        """Log the predictions of some examples after a step."""
        self._each(lambda tracker_run: tracker_run.samples(step, samples))

    def _open_tracker(self, tracker: BaseTracker, run: RunInfo) -> None:
        run_ids = _read_run_ids(run.folder) if run.step else {}
        known_id = run_ids.get(tracker.library)
        try:
            tracker_run = tracker.open(replace(run, run_id=known_id))
        except Exception as error:  # Each library has its own.
            sentence = f"{tracker.library} cannot be opened: {_reason(error)}"
            if not run.step:
                raise UserError(f"training.trackers: {sentence}") from error
            self._report(f"warning: {sentence}; going on without it")
            return
        self._open[tracker.library] = tracker_run
        self._report(f"{tracker.library}: {tracker_run.location}")
        if tracker_run.run_id != known_id:
            run_ids = _read_run_ids(run.folder) | {tracker.library: tracker_run.run_id}
            write_atomic(run.folder / _RUN_IDS, json.dumps(run_ids).encode())

    def _each(self, work: Callable[[TrackerRun], None]) -> None:
        for name, tracker_run in list(self._open.items()):
            try:
                work(tracker_run)
            except Exception as error:  # Each library has its own.
                del self._open[name]
                self._report(f"warning: {name} is left out from here on: {_reason(error)}")


def tagged_metrics(record: dict[str, Any]) -> dict[str, float]:
    """Return the numbers of a record by tag, as `train/loss` or `validation/loss`."""
    is_evaluation = f"{VALIDATION}loss" in record
    prefix, group = (VALIDATION, "validation") if is_evaluation else ("", "train")
    return {
        f"{group}/{name.removeprefix(prefix)}": float(value)
        for name, value in record.items()
        if name != "step" and isinstance(value, int | float)
    }


def _read_run_ids(folder: Path) -> dict[str, str | None]:
    """Return the identifier that each tracker gave the run when it was new."""
    try:
        return json.loads((folder / _RUN_IDS).read_text())
    except (OSError, ValueError):
        return {}


def _reason(error: Exception) -> str:
    """Return the first line of an error's message, truncated."""
    line = str(error).strip().partition("\n")[0] or type(error).__name__
    return line if len(line) <= _MAX_REASON else f"{line[:_MAX_REASON]}..."
