"""A run and its trackers: each is told everything, and none can do the run harm."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from archbuilder.errors import UserError
from archbuilder.files import write_atomic
from archbuilder.runs.run_folder import RunFolder
from archbuilder.runs.spec_file import to_plain
from archbuilder.stopping import Interrupted
from archbuilder.tracking.tracker import BaseTracker, RunInfo, RunStatus, TrackerRun

REASON = 200
"""Characters of an error that are told."""


class TrackerSet:
    """The trackers that are open; one that fails is told of and left out."""

    def __init__(self, tell: Callable[[str], None] = print):
        self.tell = tell
        self.open: dict[str, TrackerRun] = {}

    def log(self, record: dict) -> None:
        """A record as it goes into the metrics."""
        self._each(lambda track: track.numbers(record["step"], numbers(record)))

    def samples(self, step: int, found: Sequence) -> None:
        """What the model made of a few examples after a step, each a `Sample`."""
        self._each(lambda track: track.samples(step, found))

    def close(self, ending: RunStatus) -> None:
        self._each(lambda track: track.close(ending))
        self.open.clear()

    def _each(self, do: Callable[[TrackerRun], None]) -> None:
        for name, track in list(self.open.items()):
            try:
                do(track)
            except Exception as error:  # Each library has its own.
                del self.open[name]
                self.tell(f"warning: {name} is left out from here on: {_reason(error)}")


@contextmanager
def tracked(experiment, run: RunFolder, step: int, tracking: TrackerSet) -> Iterator[None]:
    """Open the experiment's trackers in `tracking` for a run that continues from `step`.

    Raises `UserError` if one cannot be opened for a new run; a resumed run continues without it.
    """
    ending: RunStatus = "failed"
    try:
        for tracker in experiment.training.trackers:
            _open(tracker, experiment, run, step, tracking)
        yield
        ending = "finished"
    except (Interrupted, KeyboardInterrupt):
        ending = "interrupted"
        raise
    finally:
        tracking.close(ending)


def _open(
    tracker: BaseTracker, experiment, run: RunFolder, step: int, tracking: TrackerSet
) -> None:
    names = _names(run) if step else {}
    subject = RunInfo(
        run.path, experiment.name, to_plain(experiment), step, names.get(tracker.type)
    )
    try:
        track = tracker.open(subject)
    except Exception as error:  # Each library has its own.
        sentence = f"{tracker.type} cannot be opened: {_reason(error)}"
        if not step:
            raise UserError(f"training.trackers: {sentence}") from error
        tracking.tell(f"warning: {sentence}; going on without it")
        return
    tracking.open[tracker.type] = track
    tracking.tell(f"{tracker.type}: {track.place}")
    if track.known_as != names.get(tracker.type):
        names = _names(run) | {tracker.type: track.known_as}
        write_atomic(_file(run), json.dumps(names).encode())


def _names(run: RunFolder) -> dict[str, str]:
    """What each tracker calls the run, as it was written down when it began."""
    try:
        return json.loads(_file(run).read_text())
    except (OSError, ValueError):
        return {}


def _file(run: RunFolder):
    return run.path / "trackers.json"


def numbers(record: dict) -> dict[str, float]:
    """The numbers of a record of the metrics by tag: train/loss, or validation/loss."""
    return dict(_tagged(record))


def _tagged(record: dict) -> Iterator[tuple[str, float]]:
    prefix = "validation_" if "validation_loss" in record else ""
    for name, value in record.items():
        if name != "step" and isinstance(value, int | float):
            yield f"{prefix[:-1] or 'train'}/{name.removeprefix(prefix)}", float(value)


def _reason(error: Exception) -> str:
    """What an error says, in a line that is not too long."""
    line = str(error).strip().partition("\n")[0] or type(error).__name__
    return line if len(line) <= REASON else f"{line[:REASON]}..."
