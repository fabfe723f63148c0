"""Set of trackers that receive the metrics of a run. A tracker that fails is disabled."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from archbuilder.errors import UserError
from archbuilder.files import write_atomic
from archbuilder.runs.metrics_log import VALIDATION
from archbuilder.stopping import RunInterruptedError
from archbuilder.tracking.sample import Sample
from archbuilder.tracking.tracker import BaseTracker, RunInfo, RunStatus, TrackerRun

_MAX_REASON = 200
"""Maximum number of characters of an error message that are reported."""
_RUN_IDS = "trackers.json"
"""Name of the file in the run folder with the id of the run in each tracker."""


class TrackerSet:
    """The trackers of a run, which are open inside a `with` block of `opened`."""

    def __init__(self, report: Callable[[str], None] = print) -> None:
        self._report = report
        self._open: dict[str, TrackerRun] = {}

    @contextmanager
    def opened(self, trackers: Sequence[BaseTracker], run: RunInfo) -> Iterator[None]:
        """Open the trackers of a run, and close them with its status when the block ends.

        If a tracker cannot be opened for a resumed run, training continues without it.

        Args:
            trackers: The settings of the trackers.
            run: The run to log.

        Raises:
            UserError: A tracker cannot be opened for a new run.
        """
        status: RunStatus = "failed"
        try:
            for tracker in trackers:
                self._open_tracker(tracker, run)
            yield
            status = "finished"
        except (RunInterruptedError, KeyboardInterrupt):
            status = "interrupted"
            raise
        finally:
            self._for_each(lambda tracker_run: tracker_run.close(status))
            self._open.clear()

    def log(self, record: dict[str, Any]) -> None:
        """Log the metrics of a record of the metrics log, which contains `step`."""
        self._for_each(lambda tracker_run: tracker_run.log(record["step"], tagged_metrics(record)))

    def samples(self, step: int, samples: Sequence[Sample]) -> None:
        """Log predictions of validation examples after a step."""
        self._for_each(lambda tracker_run: tracker_run.samples(step, samples))

    def _open_tracker(self, tracker: BaseTracker, run: RunInfo) -> None:
        run_ids = _read_run_ids(run.folder) if run.step else {}
        saved_id = run_ids.get(tracker.library)
        try:
            tracker_run = tracker.open(replace(run, run_id=saved_id))
        except Exception as error:  # Each library has its own exceptions.
            problem = f"{tracker.library} cannot be opened: {_reason(error)}"
            if not run.step:
                raise UserError(f"training.trackers: {problem}") from error
            self._report(f"warning: {problem}; training continues without it")
            return
        self._open[tracker.library] = tracker_run
        self._report(f"{tracker.library}: {tracker_run.location}")
        if tracker_run.run_id != saved_id:
            run_ids = _read_run_ids(run.folder) | {tracker.library: tracker_run.run_id}
            write_atomic(run.folder / _RUN_IDS, json.dumps(run_ids).encode())

    def _for_each(self, call: Callable[[TrackerRun], None]) -> None:
        """Call a function with each open tracker, and disable the trackers for which it fails."""
        for name, tracker_run in list(self._open.items()):
            try:
                call(tracker_run)
            except Exception as error:  # Each library has its own exceptions.
                del self._open[name]
                self._report(f"warning: {name} failed and is disabled: {_reason(error)}")


def tagged_metrics(record: dict[str, Any]) -> dict[str, float]:
    """Return the numbers in a record, by tags such as `train/loss` or `validation/loss`.

    Args:
        record: A record of the metrics log. It is an evaluation if it contains `validation_loss`.
    """
    is_evaluation = f"{VALIDATION}loss" in record
    prefix, group = (VALIDATION, "validation") if is_evaluation else ("", "train")
    return {
        f"{group}/{name.removeprefix(prefix)}": float(value)
        for name, value in record.items()
        if name != "step" and isinstance(value, int | float)
    }


def _read_run_ids(folder: Path) -> dict[str, str | None]:
    """Return the id of the run in each tracker, by library; empty if none was saved."""
    try:
        return json.loads((folder / _RUN_IDS).read_text())
    except (OSError, ValueError):
        return {}


def _reason(error: Exception) -> str:
    """Return the first line of an error's message, truncated."""
    line = str(error).strip().partition("\n")[0] or type(error).__name__
    return line if len(line) <= _MAX_REASON else f"{line[:_MAX_REASON]}..."
