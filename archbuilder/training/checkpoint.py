"""Checkpoints: all that a run needs to go on exactly, each in a folder complete or absent."""

import hashlib
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np

from archbuilder.mistake import UserMistake

ARRAYS, STATE = "arrays.npz", "state.json"
_NAME = re.compile(r"step-(\d+)")


def write(folder: Path, arrays: dict[str, np.ndarray], state: dict) -> None:
    """Write a checkpoint under a temporary name, make it durable, then rename it into place."""
    temporary = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    with open(temporary / ARRAYS, "wb") as file:
        np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]
        _durable(file)
    content = {"state": state, "state_sha256": _digest_of_state(state)}
    content["arrays_sha256"] = _digest(temporary / ARRAYS)
    with open(temporary / STATE, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        _durable(file)
    if folder.exists():
        shutil.rmtree(folder)
    os.replace(temporary, folder)


def read(folder: Path) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays and the state of a checkpoint; a damaged one is a `DamagedCheckpoint`."""
    try:
        content = json.loads((folder / STATE).read_text(encoding="utf-8"))
        state = content["state"]
        damaged = [
            name
            for name, written, found in (
                (STATE, content["state_sha256"], _digest_of_state(state)),
                (ARRAYS, content["arrays_sha256"], _digest(folder / ARRAYS)),
            )
            if written != found
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedCheckpoint(f"{folder}: cannot be read ({error!r})") from error
    if damaged:
        raise DamagedCheckpoint(f"{folder / damaged[0]}: is not what was written")
    with np.load(folder / ARRAYS) as file:
        return {name: file[name] for name in file.files}, state


def steps(folder: Path) -> list[Path]:
    """The checkpoints in a folder, oldest first."""
    found = {path: _NAME.fullmatch(path.name) for path in folder.glob("step-*") if path.is_dir()}
    named = {path: int(name[1]) for path, name in found.items() if name}
    return sorted(named, key=lambda path: named[path])


def at_step(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step lies in a folder of checkpoints."""
    return folder / f"step-{step:07d}"


def prune(folder: Path, best: Path | None) -> None:
    """Keep the newest, the previous and the best."""
    for path in steps(folder)[:-2]:
        if path != best:
            shutil.rmtree(path)


class DamagedCheckpoint(UserMistake):
    """A checkpoint that is not what was written; the message names it."""


def snapshot(model, optimizer) -> dict[str, np.ndarray]:
    """Weights, optimizer state and the states of every random generator, by order and name."""
    return {
        f"{place:05d}|{variable.path}": np.asarray(variable)
        for place, variable in enumerate(_variables(model, optimizer))
    }


def restore(model, optimizer, arrays: dict[str, np.ndarray]) -> None:
    """Put a snapshot back; one that does not fit the model is refused."""
    variables = _variables(model, optimizer)
    shapes = [tuple(variable.shape) for variable in variables]
    if shapes != [array.shape for array in arrays.values()]:
        raise UserMistake("the checkpoint's weights do not fit this spec's model")
    for variable, array in zip(variables, arrays.values(), strict=True):
        variable.assign(array)


def _variables(model, optimizer) -> list:
    # Keras leaves the states of seed generators out of `weights` and of saved files.
    return [*model.variables, *optimizer.variables]


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_of_state(state: dict) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def _durable(file) -> None:
    file.flush()
    os.fsync(file.fileno())
