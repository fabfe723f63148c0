"""The spec file of a run folder: the resolved spec, with the language version in its first line."""

from pathlib import Path
from typing import Any

from archbuilder.errors import UserError
from archbuilder.files import write_atomic
from archbuilder.language import SavedSpec, read, to_yaml

LANGUAGE_VERSION = 2
"""Version of the spec language, stored with each saved spec."""
_HEADER_PREFIX = "# archbuilder language"
_HEADER = f"{_HEADER_PREFIX} {LANGUAGE_VERSION}\n"


def to_plain(spec: SavedSpec) -> dict[str, Any]:
    """Return a spec as plain data (JSON types) with its defaults, without null fields."""
    return spec.model_dump(mode="json", exclude_none=True)


def write_spec(path: Path, spec: SavedSpec) -> None:
    """Write a spec, with the language version in its first line."""
    write_atomic(path, (_HEADER + to_yaml(to_plain(spec))).encode())


def read_spec(path: Path) -> dict[str, Any]:
    """Return a saved spec as plain data.

    Raises:
        UserError: The file is missing, has another language version, or is not valid YAML.
    """
    require_version(path)
    return read(path).to_python()


def is_saved_spec(path: Path) -> bool:
    """Return whether a file starts with the header of a saved spec, of any language version."""
    try:
        with open(path, "rb") as file:
            return file.read(len(_HEADER_PREFIX)) == _HEADER_PREFIX.encode()
    except OSError:
        return False


def require_version(path: Path) -> None:
    """Raise UserError if a saved spec is missing or has another language version.

    A file without a version in its first line is accepted.
    """
    if not path.exists():
        raise UserError(f"{path.parent}: not a run folder: it has no {path.name}")
    with open(path, "rb") as file:
        first_line = file.readline(200).decode(errors="replace")
    if not first_line.startswith(_HEADER_PREFIX) or first_line == _HEADER:
        return
    version = first_line.removeprefix(_HEADER_PREFIX).strip()
    expected = f"{path}: expected language version {LANGUAGE_VERSION}, got {version}"
    if version.isdecimal() and int(version) > LANGUAGE_VERSION:
        raise UserError(f"{expected}; update archbuilder to open this run")
    raise UserError(
        f"{expected}, so the run cannot be opened; to train it again, copy the file, run "
        "`archbuild validate --fix` on the copy and train the copy"
    )
