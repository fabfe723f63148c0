"""The interface of experiment trackers: a tracker's config, and an open run in the tracker."""

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
Name = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True)
class RunInfo:
    """The run that is tracked."""

    folder: Path
    """Path of the run folder."""
    name: str
    """Name of the experiment."""
    spec: dict[str, Any]
    """The resolved spec, as plain data."""
    step: int
    """Step from which the run resumes; 0 for a new run."""
    run_id: str | None = None
    """Id that the tracker assigned when the run was new. Default: None, if there is no id."""


class TrackerRun(ABC):
    """An open run in a tracker. Methods may raise any exception of the tracker's library."""

    location: str
    """A URL, command or name with which to view the run."""
    run_id: str | None = None
    """Id that the tracker assigned to the run, or None if it does not use ids."""

    @abstractmethod
    def log(self, step: int, metrics: dict[str, float]) -> None:
        """Log the metrics of a step, by tags such as `train/loss`."""

    @abstractmethod
    def samples(self, step: int, samples: Sequence[Sample]) -> None:
        """Log predictions of examples after a step."""

    @abstractmethod
    def close(self, status: RunStatus) -> None:
        """Close the run with a status. The run may be resumed later."""


class BaseTracker(Spec):
    """The interface of trackers."""

    @property
    def library(self) -> str:
        """The name of the tracker's library and of the extra that installs it; also its `type`."""
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
