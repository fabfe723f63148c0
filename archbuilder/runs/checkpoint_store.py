"""The checkpoints of a run: one folder per step, cleanup, and the mean of the last ones."""

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from archbuilder.errors import UserError
from archbuilder.files import remove, unfinished
from archbuilder.runs.checkpoint import (
    Checkpoint,
    DamagedCheckpointError,
    read_checkpoint,
    write_checkpoint,
)

_STOPPED = "-stopped"
_NAME = re.compile(rf"step-(\d+)({_STOPPED})?")


class CheckpointStore:
    """The checkpoints in a folder, in one subfolder per step."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def folders(self) -> list[Path]:
        """Return the folders of all checkpoints, oldest first."""
        matches = [path for path in self.path.glob("step-*") if _NAME.fullmatch(path.name)]
        return sorted((path for path in matches if path.is_dir()), key=_step_of)

    def scheduled(self) -> list[Path]:
        """Return the folders of the checkpoints at scheduled steps, oldest first.

        These do not depend on where a run was interrupted.
        """
        return [path for path in self.folders() if not path.name.endswith(_STOPPED)]

    def folder(self, step: int, stopped: bool = False) -> Path:
        """Return the folder of the checkpoint of a step.

        Args:
            step: The step.
            stopped: Whether the checkpoint was written because of a request to stop, and not
                because of the schedule. Default: False.
        """
        return self.path / f"step-{step:07d}{_STOPPED if stopped else ''}"

    def newest_step(self) -> int | None:
        """Return the step of the newest checkpoint, or None if there is no checkpoint."""
        folders = self.folders()
        return _step_of(folders[-1]) if folders else None

    def newest(self, report: Callable[[str], object]) -> Checkpoint | None:
        """Return the newest undamaged checkpoint, or None if there is no checkpoint.

        Args:
            report: Receives a message for each damaged checkpoint, which is skipped.

        Raises:
            UserError: All checkpoints are damaged.
        """
        folders = self.folders()
        for folder in reversed(folders):
            try:
                return read_checkpoint(folder)
            except DamagedCheckpointError as error:
                report(f"warning: skipped a damaged checkpoint: {error}")
        if folders:
            raise UserError(
                f"{self.path}: all checkpoints are damaged; use --restart to start from scratch"
            )
        return None

    def save(
        self, checkpoint: Checkpoint, best_step: int | None, keep: int, stopped: bool = False
    ) -> None:
        """Write a checkpoint, and remove the checkpoints that are not needed any more.

        The newest checkpoint, the last `keep` scheduled ones and the best one remain.

        Args:
            checkpoint: The checkpoint; its state has a `step`.
            best_step: The scheduled step of the best checkpoint, or None if it is not known yet.
            keep: Number of scheduled checkpoints that remain.
            stopped: Whether the checkpoint is written because of a request to stop. Default: False.
        """
        write_checkpoint(self.folder(checkpoint.state["step"], stopped), checkpoint)
        best = None if best_step is None else self.folder(best_step)
        needed = {*self.folders()[-1:], *self.scheduled()[-keep:], best}
        for folder in self.folders():
            if folder not in needed:
                shutil.rmtree(folder)
        for leftover in unfinished(self.path):
            remove(leftover)

    def mean(
        self, count: int, report: Callable[[str], object]
    ) -> tuple[dict[str, np.ndarray], int]:
        """Return the mean of the last scheduled checkpoints, and their number.

        Args:
            count: Maximum number of checkpoints.
            report: Receives a message for each damaged checkpoint, which is skipped.

        Returns:
            The mean of each variable by name, and the number of checkpoints in the mean.
        """
        checkpoints = []
        for folder in self.scheduled()[-count:]:
            try:
                checkpoints.append(read_checkpoint(folder).variables)
            except DamagedCheckpointError as error:
                report(f"warning: the mean skips a damaged checkpoint: {error}")
        if not checkpoints:
            return {}, 0
        means = {
            name: _mean([variables[name] for variables in checkpoints]) for name in checkpoints[-1]
        }
        return means, len(checkpoints)


def _step_of(folder: Path) -> int:
    return int(folder.name.split("-")[1])


def _mean(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of floating-point arrays, or the last array of counters and seeds."""
    last = arrays[-1]
    if last.dtype.kind in "iub":
        return last
    return np.mean(arrays, axis=0, dtype="float64").astype(last.dtype)
