"""The outputs of a run: its folder, the terminal and the trackers."""

from collections.abc import Sequence
from dataclasses import dataclass

from archbuilder.runs.run_folder import RunFolder
from archbuilder.runs.run_writer import RunWriter
from archbuilder.tracking.sample import Sample
from archbuilder.tracking.tracker_set import TrackerSet
from archbuilder.training.loop.reporter import Reporter


@dataclass(frozen=True)
class RunOutput:
    """A run folder and its writer, a reporter, and trackers."""

    run: RunFolder
    writer: RunWriter
    reporter: Reporter
    trackers: TrackerSet

    def log(self, record: dict) -> None:
        """Write a record of metrics to metrics.jsonl and to the trackers."""
        self.writer.log(record)
        self.trackers.log(record)

    def samples(self, step: int, samples: Sequence[Sample]) -> None:
        """Show predictions on the terminal and in the trackers."""
        self.reporter.samples(samples)
        self.trackers.samples(step, samples)
