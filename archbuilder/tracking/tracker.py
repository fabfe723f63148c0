"""The interface of experiment trackers: a tracker as data, and a run that is open in it."""

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
    name: str
    spec: dict[str, Any]
    """The resolved spec, as plain data."""
    step: int
    """The step that the run resumes from; 0 for a new run."""
    run_id: str | None = None
    """The identifier that the tracker gave the run when it was new, if it gives any."""


class TrackerRun(ABC):
    """A run that is open in a tracker. A method may raise any exception of its library."""

    location: str
    """Where to view the run: a URL, a command or a name."""
    run_id: str | None = None
    """The identifier that the tracker gave the run, if it gives any."""

    @abstractmethod
    def log(self, step: int, metrics: dict[str, float]) -> None:
        """Log the metrics of a step by tag, as `train/loss`."""

    @abstractmethod
    def samples(self, step: int, samples: Sequence[Sample]) -> None:
        """Log the predictions of some examples after a step."""

    @abstractmethod
    def close(self, status: RunStatus) -> None:
        """Close the run, which may be resumed later."""


class BaseTracker(Spec):
    """The interface of trackers."""

    @property
    def library(self) -> str:
        """The name of the tracker's library and of our extra for it: the value of its `type`."""
        return type_names(type(self))[0]

    def check(self) -> None:
        """Raise `UserError` if the tracker's library cannot be imported."""
        try:
            import_module(self.library)
        except ImportError as error:
            raise UserError(
                f"training.trackers: {self.library} is not installed ({error}): "
                f"pip install 'archbuilder[{self.library}]'"
            ) from error

    @abstractmethod
    def open(self, run: RunInfo) -> TrackerRun:
        """Open a new run, or one that is resumed."""
