"""The spec file of a run folder: the resolved spec, with the language version in its first line."""

from pathlib import Path
from typing import Any

from archbuilder.errors import UserError
from archbuilder.files import write_atomic
from archbuilder.language import SavedSpec, read, to_yaml

LANGUAGE_VERSION = 2
_MARK = "# archbuilder language"
_HEADER = f"{_MARK} {LANGUAGE_VERSION}\n"


def to_plain(spec: SavedSpec) -> dict[str, Any]:
    """Return a spec as plain data that can be saved, defaults included."""
    return spec.model_dump(mode="json", exclude_none=True)


def write_spec(path: Path, spec: SavedSpec) -> None:
    """Write a spec, with the language version in its first line."""
    write_atomic(path, (_HEADER + to_yaml(to_plain(spec))).encode())


def read_spec(path: Path) -> dict[str, Any]:
    """Return a saved spec as plain data. Raise UserError as `require_version` does."""
    require_version(path)
    return read(path).to_python()


def has_mark(path: Path) -> bool:
    """Return whether a file is the spec of a run folder, in any language version."""
    try:
        with open(path, "rb") as file:
            return file.read(len(_MARK)) == _MARK.encode()
    except OSError:
        return False


def require_version(path: Path) -> None:
    """Raise UserError if a spec is missing, or has another language version."""
    if not path.exists():
        raise UserError(f"{path.parent}: not a run folder: it has no {path.name}")
    with open(path, "rb") as file:
        first_line = file.readline(200).decode(errors="replace")
    if not first_line.startswith(_MARK) or first_line == _HEADER:
        return
    version = first_line.removeprefix(_MARK).strip()
    expected = f"{path}: expected language version {LANGUAGE_VERSION}, got {version}"
    if version.isdecimal() and int(version) > LANGUAGE_VERSION:
        raise UserError(f"{expected}; update archbuilder to open this run")
    raise UserError(
        f"{expected}, so the run cannot be opened; to train it again, copy the file, run "
        "`archbuild validate --fix` on the copy and train the copy"
    )
