"""The three outputs of a run: the run folder, the terminal and the trackers."""

from collections.abc import Sequence
from dataclasses import dataclass

from archbuilder.runs.run_folder import RunFolder
from archbuilder.runs.run_writer import RunWriter
from archbuilder.tracking.sample import Sample
from archbuilder.tracking.tracker_set import TrackerSet
from archbuilder.training.loop.reporter import Reporter


@dataclass(frozen=True)
class RunOutput:
    """The outputs of a run.

    Attributes:
        run: The run folder.
        writer: The writer of the run folder; in processes other than process 0, it writes nothing.
        reporter: The printer of progress.
        trackers: The open trackers, such as TensorBoard or MLflow.
    """

    run: RunFolder
    writer: RunWriter
    reporter: Reporter
    trackers: TrackerSet

    def log(self, record: dict) -> None:
        """Write the metrics of a step to `metrics.jsonl` and to the trackers."""
        self.writer.log(record)
        self.trackers.log(record)

    def samples(self, step: int, samples: Sequence[Sample]) -> None:
        """Print validation examples with their predictions, and log them to the trackers.

        Args:
            step: The number of completed steps.
            samples: The examples with their predictions.
        """
        self.reporter.samples(samples)
        self.trackers.samples(step, samples)
