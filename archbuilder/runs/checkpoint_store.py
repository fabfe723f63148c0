"""The checkpoints of a run: which are there, which are kept, and the mean of the last ones."""

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
    """A folder with a checkpoint for each of some steps."""

    def __init__(self, path: Path):
        self.path = path

    def folders(self) -> list[Path]:
        """Return the folders of all checkpoints, oldest first."""
        named = [path for path in self.path.glob("step-*") if _NAME.fullmatch(path.name)]
        return sorted((path for path in named if path.is_dir()), key=_step_of)

    def scheduled(self) -> list[Path]:
        """Return those that the run writes wherever it is interrupted, oldest first."""
        return [path for path in self.folders() if not path.name.endswith(_STOPPED)]

    def folder(self, step: int, stopped: bool = False) -> Path:
        """Return the folder of the checkpoint of a step.

        `stopped`: written because the run was asked to stop there, and not scheduled.
        """
        return self.path / f"step-{step:07d}{_STOPPED if stopped else ''}"

    def newest_step(self) -> int | None:
        """Return the step of the newest checkpoint, if there is one."""
        folders = self.folders()
        return _step_of(folders[-1]) if folders else None

    def newest(self, report: Callable[[str], object]) -> Checkpoint | None:
        """Return the newest undamaged checkpoint; damaged ones are reported and skipped.

        Raises `UserError` if there are checkpoints and all are damaged.
        """
        folders = self.folders()
        for folder in reversed(folders):
            try:
                return read_checkpoint(folder)
            except DamagedCheckpointError as error:
                report(f"damaged, not used: {error}")
        if folders:
            raise UserError(f"{self.path}: no checkpoint is sound; --restart begins afresh")
        return None

    def save(
        self, checkpoint: Checkpoint, best_step: int | None, keep: int, stopped: bool = False
    ) -> None:
        """Write a checkpoint, and remove those that are no longer needed.

        Kept are the newest one, the last `keep` scheduled ones, and the scheduled one of
        `best_step`.
        """
        write_checkpoint(self.folder(checkpoint.state["step"], stopped), checkpoint)
        best = None if best_step is None else self.folder(best_step)
        kept = {*self.folders()[-1:], *self.scheduled()[-keep:], best}
        for folder in self.folders():
            if folder not in kept:
                shutil.rmtree(folder)
        for leftover in unfinished(self.path):
            remove(leftover)

    def mean(
        self, count: int, report: Callable[[str], object]
    ) -> tuple[dict[str, np.ndarray], int]:
        """Return the mean of the last scheduled checkpoints, at most `count`, and their number.

        Damaged ones are reported and skipped.
        """
        checkpoints = []
        for folder in self.scheduled()[-count:]:
            try:
                checkpoints.append(read_checkpoint(folder).variables)
            except DamagedCheckpointError as error:
                report(f"damaged, not in the mean: {error}")
        if not checkpoints:
            return {}, 0
        means = {name: _mean([one[name] for one in checkpoints]) for name in checkpoints[-1]}
        return means, len(checkpoints)


def _step_of(folder: Path) -> int:
    return int(folder.name.split("-")[1])


def _mean(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of floating-point arrays, and the last one of counters and seeds."""
    last = arrays[-1]
    if last.dtype.kind in "iub":
        return last
    return np.mean(arrays, axis=0, dtype="float64").astype(last.dtype)
