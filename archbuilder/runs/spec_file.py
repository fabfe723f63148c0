"""The spec.yaml of a run folder: the resolved spec, marked with the version of the language."""

from pathlib import Path
from typing import Any

from archbuilder.errors import UserError
from archbuilder.files import write_atomic
from archbuilder.language import SavedSpec, plain_text, read

LANGUAGE_VERSION = 1
_MARK = "# archbuilder language"
_HEADER = f"{_MARK} {LANGUAGE_VERSION}\n"


def to_plain(spec: SavedSpec) -> dict[str, Any]:
    """Return a spec as plain data, defaults included, in the form in which it is saved."""
    return spec.model_dump(mode="json", exclude_none=True)


def write_spec(path: Path, spec: SavedSpec) -> None:
    """Write a spec with the mark of a run folder."""
    write_atomic(path, (_HEADER + plain_text(to_plain(spec))).encode())


def read_spec(path: Path) -> dict[str, Any]:
    """Return a saved spec as plain data. Raise `UserError` as `require_version` does."""
    require_version(path)
    return read(path).plain()


def has_mark(path: Path) -> bool:
    """Return whether a file is the spec of a run folder, of any version."""
    try:
        with open(path, "rb") as file:
            return file.read(len(_MARK)) == _MARK.encode()
    except OSError:
        return False


def require_version(path: Path) -> None:
    """Raise `UserError` if there is no spec, or it is marked with another language version."""
    if not path.exists():
        raise UserError(f"{path.parent}: not a run folder: it has no {path.name}")
    with open(path, "rb") as file:
        first = file.readline(200).decode(errors="replace")
    if first.startswith(_MARK) and first != _HEADER:
        version = first.strip("# \n")
        raise UserError(f"{path}: written in another version: {version}")
