"""Checkpoints: all that a run needs to go on exactly, each in a folder complete or absent."""

import hashlib
import json
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np

from archbuilder.errors import UserError

ARRAYS, STATE = "arrays.npz", "state.json"
SUMS = "SHA256SUMS"
"""Written last: what `sha256sum --check` reads, and the mark of completeness."""
_NAME = re.compile(r"step-(\d+)(-stopped)?")


def write(folder: Path, arrays: dict[str, np.ndarray], state: dict) -> None:
    """Write a checkpoint under a temporary name, make it durable, then rename it into place.

    Raises `OSError`, leaving nothing behind, where there is no room.
    """
    temporary = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        _write(temporary, arrays, state)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    make_durable(folder.parent)


def read(folder: Path) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays and the state of a checkpoint; a damaged one is a `DamagedCheckpoint`."""
    try:
        sums = _sums(folder)
        for name in (STATE, ARRAYS):
            if sums[name] != _digest(folder / name):
                raise DamagedCheckpoint(f"{folder / name}: is not what {SUMS} says")
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
    except OSError as error:
        path = error.filename or folder
        raise DamagedCheckpoint(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError) as error:
        raise DamagedCheckpoint(f"{folder / SUMS}: is damaged") from error
    with np.load(folder / ARRAYS) as file:
        return {name: file[name] for name in file.files}, state


def steps(folder: Path) -> list[Path]:
    """The checkpoints in a folder, oldest first."""
    found = [path for path in folder.glob("step-*") if path.is_dir() and _NAME.fullmatch(path.name)]
    return sorted(found, key=step_of)


def planned(folder: Path) -> list[Path]:
    """Those that the run takes however often it is stopped, oldest first."""
    return [path for path in steps(folder) if not path.name.endswith("-stopped")]


def step_of(checkpoint: Path) -> int:
    """The step that a checkpoint was taken after."""
    return int(checkpoint.name.split("-")[1])


def at_step(folder: Path, step: int, stopped: bool = False) -> Path:
    """Where the checkpoint of a step lies in a folder of checkpoints.

    `stopped`: taken because the run was asked to stop there.
    """
    return folder / f"step-{step:07d}{'-stopped' if stopped else ''}"


def prune(folder: Path, best: Path | None, keep: int = 2) -> None:
    """Keep the newest, the last `keep` of those planned, and the best; nothing unfinished."""
    kept = {*steps(folder)[-1:], *planned(folder)[-keep:], best}
    for path in steps(folder):
        if path not in kept:
            shutil.rmtree(path)
    for path in folder.glob(".*.part"):
        shutil.rmtree(path, ignore_errors=True)


class DamagedCheckpoint(UserError):
    """A checkpoint that is not what was written; the message names it."""


def make_durable(path: Path) -> None:
    """Wait until what was written to a file, or renamed in a folder, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):  # Some file systems do not know of it for folders.
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(folder: Path, arrays: dict[str, np.ndarray], state: dict) -> None:
    with open(folder / ARRAYS, "wb") as file:
        np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]
    (folder / STATE).write_text(json.dumps(state, indent=1), encoding="utf-8")
    for name in (ARRAYS, STATE):
        make_durable(folder / name)
    lines = [f"{_digest(folder / name)}  {name}\n" for name in (ARRAYS, STATE)]
    (folder / SUMS).write_text("".join(lines), encoding="ascii")
    make_durable(folder / SUMS)


def _sums(folder: Path) -> dict[str, str]:
    lines = (folder / SUMS).read_text(encoding="ascii").splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
