"""One checkpoint: the variables and the state of a run, in a folder that is complete or absent."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archbuilder.errors import UserError
from archbuilder.files import replace_directory, sha256

VARIABLES, STATE = "variables.safetensors", "state.json"
CHECKSUMS = "SHA256SUMS"
"""In the format of `sha256sum --check`; a folder without it is incomplete."""
_OLD_VARIABLES = "arrays.npz"


@dataclass(frozen=True)
class Checkpoint:
    """All that is needed to resume a run exactly."""

    variables: dict[str, np.ndarray]
    """Weights, optimizer state and the states of random generators, by name."""
    state: dict[str, Any]
    """The step, the metrics and the identity of the text, as JSON."""


class DamagedCheckpointError(UserError):
    """A checkpoint that differs from what was written; the message names the file."""


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, or replace it. Raise OSError, leaving nothing behind, if that fails."""
    with replace_directory(folder) as temporary:
        _write_variables(temporary / VARIABLES, checkpoint.variables)
        (temporary / STATE).write_text(json.dumps(checkpoint.state, indent=1), encoding="utf-8")
        lines = [f"{sha256(temporary / name)}  {name}\n" for name in (VARIABLES, STATE)]
        (temporary / CHECKSUMS).write_text("".join(lines), encoding="ascii")


def read_checkpoint(folder: Path) -> Checkpoint:
    """Return the checkpoint in a folder.

    Raises:
        DamagedCheckpointError: A file is missing, or differs from its checksum.
        UserError: An earlier version of archbuilder wrote it.
    """
    if (folder / _OLD_VARIABLES).exists():
        raise UserError(
            f"{folder}: written by an earlier version of archbuilder in another format; finish "
            "the run with that version, or start it again with --restart"
        )
    try:
        checksums = _read_checksums(folder)
        for name in (STATE, VARIABLES):
            if checksums[name] != sha256(folder / name):
                raise DamagedCheckpointError(f"{folder / name}: is not what {CHECKSUMS} says")
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
    except OSError as error:
        path = error.filename or folder
        raise DamagedCheckpointError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError) as error:
        raise DamagedCheckpointError(f"{folder / CHECKSUMS}: is damaged") from error
    return Checkpoint(_read_variables(folder / VARIABLES), state)


def _write_variables(path: Path, variables: Mapping[str, np.ndarray]) -> None:
    from safetensors.numpy import save_file

    # Memory is written as it is, and only in C order is that the order of the values.
    save_file({name: np.asarray(array, order="C") for name, array in variables.items()}, path)


def _read_variables(path: Path) -> dict[str, np.ndarray]:
    import ml_dtypes  # noqa: F401, as it makes bfloat16 known to numpy
    from safetensors.numpy import load_file

    return load_file(path)


def _read_checksums(folder: Path) -> dict[str, str]:
    lines = (folder / CHECKSUMS).read_text(encoding="ascii").splitlines()
    return {name: checksum for checksum, name in (line.split("  ") for line in lines)}
