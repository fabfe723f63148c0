"""The interface of experiment trackers: the settings of a tracker, and a run that it logs."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from archbuilder.errors import UserError
from archbuilder.language import Spec, type_names
from archbuilder.tracking.sample import Sample

RunStatus = Literal["finished", "interrupted", "failed"]
"""Reason why a tracker is closed."""
Name = Annotated[str, Field(min_length=1)]
"""Name that is not empty."""


@dataclass(frozen=True)
class RunInfo:
    """The run to log in a tracker."""

    folder: Path
    """Path of the run folder."""
    name: str
    """Name of the experiment."""
    spec: dict[str, Any]
    """The resolved spec, as plain data."""
    step: int
    """Number of finished training steps at which the run is resumed; 0 for a new run."""
    run_id: str | None = None
    """Id that the tracker assigned to the run earlier. Default: None, no id was assigned."""


class TrackerRun(ABC):
    """An open run in a tracker. Methods may raise any exception of the tracker's library."""

    location: str
    """A URL, command or path for viewing the run, printed when the run is opened."""
    run_id: str | None = None
    """Id that the tracker assigned to the run. Default: None, the tracker does not use ids."""

    @abstractmethod
    def log(self, step: int, metrics: dict[str, float]) -> None:
        """Log the metrics of a training step, by tags such as `train/loss`."""

    @abstractmethod
    def samples(self, step: int, samples: Sequence[Sample]) -> None:
        """Log predictions of validation examples after a training step."""

    @abstractmethod
    def close(self, status: RunStatus) -> None:
        """Close the run and record its status. The run may be resumed later."""


class BaseTracker(Spec):
    """The interface of the settings of trackers."""

    @property
    def library(self) -> str:
        """Name of the Python package, of the extra that installs it, and of the spec's `type`."""
        return type_names(type(self))[0]

    def check(self) -> None:
        """Raise UserError if the tracker's library cannot be imported."""
        try:
            import_module(self.library)
        except ImportError as error:
            raise UserError(
                f"training.trackers: {self.library} is not installed ({error}); "
                f"pip install 'archbuilder[{self.library}]'"
            ) from error

    @abstractmethod
    def open(self, run: RunInfo) -> TrackerRun:
        """Open a new or resumed run in the tracker, and return it."""
