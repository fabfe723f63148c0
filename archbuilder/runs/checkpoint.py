"""Reading and writing of one checkpoint: the variables and the state of a run, with checksums."""

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
"""The checksum file, in the format of `sha256sum --check`. Without it, a folder is incomplete."""
_OLD_VARIABLES = "arrays.npz"


@dataclass(frozen=True)
class Checkpoint:
    """Everything that is needed to resume a run exactly."""

    variables: dict[str, np.ndarray]
    """Weights, optimizer state and seeds of random generators, by name."""
    state: dict[str, Any]
    """The step, the metrics and the fingerprints of the text, as JSON."""


class DamagedCheckpointError(UserError):
    """A checkpoint with a file that is missing or was changed. The message names the file."""


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint to a folder, or replace the folder's checkpoint, atomically.

    Raises:
        OSError: The checkpoint cannot be written. The folder is unchanged.
    """
    with replace_directory(folder) as temporary:
        _write_variables(temporary / VARIABLES, checkpoint.variables)
        (temporary / STATE).write_text(json.dumps(checkpoint.state, indent=1), encoding="utf-8")
        lines = [f"{sha256(temporary / name)}  {name}\n" for name in (VARIABLES, STATE)]
        (temporary / CHECKSUMS).write_text("".join(lines), encoding="ascii")


def read_checkpoint(folder: Path) -> Checkpoint:
    """Return the checkpoint in a folder.

    Raises:
        DamagedCheckpointError: A file is missing or does not match its checksum.
        UserError: An earlier version of archbuilder wrote the checkpoint.
    """
    if (folder / _OLD_VARIABLES).exists():
        raise UserError(
            f"{folder}: written by an earlier version of archbuilder in an unsupported format; "
            "finish the run with that version, or start it again with --restart"
        )
    try:
        checksums = _read_checksums(folder)
        for name in (STATE, VARIABLES):
            if checksums[name] != sha256(folder / name):
                raise DamagedCheckpointError(f"{folder / name}: does not match {CHECKSUMS}")
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
    except OSError as error:
        path = error.filename or folder
        raise DamagedCheckpointError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError) as error:
        raise DamagedCheckpointError(f"{folder / CHECKSUMS}: is damaged") from error
    return Checkpoint(_read_variables(folder / VARIABLES), state)


def _write_variables(path: Path, variables: Mapping[str, np.ndarray]) -> None:
    from safetensors.numpy import save_file

    # The library writes the memory of an array unchanged, so its values must be in C order.
    save_file({name: np.asarray(array, order="C") for name, array in variables.items()}, path)


def _read_variables(path: Path) -> dict[str, np.ndarray]:
    import ml_dtypes  # noqa: F401, the import registers bfloat16 with numpy
    from safetensors.numpy import load_file

    return load_file(path)


def _read_checksums(folder: Path) -> dict[str, str]:
    lines = (folder / CHECKSUMS).read_text(encoding="ascii").splitlines()
    return {name: checksum for checksum, name in (line.split("  ") for line in lines)}
