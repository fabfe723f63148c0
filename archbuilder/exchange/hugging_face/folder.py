"""A folder as `save_pretrained` leaves it: a configuration and arrays by name, read and written."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from archbuilder.errors import UserError

CONFIG, WEIGHTS = "config.json", "model.safetensors"
INDEX = f"{WEIGHTS}.index.json"

# Arrays that follow from the configuration.
_COMPUTED = re.compile(
    r"(.*\.)?(position_ids|token_type_ids|attn\.(masked_)?bias|rotary_emb\..*|inv_freq)"
)
_NUMBERS = ("F64", "F32", "F16", "BF16")
# What older versions called a norm's gain and bias.
_OLDER = {".gamma": ".weight", ".beta": ".bias"}


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file. Raises `UserError` where there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON ({error})") from error
    if not isinstance(found, dict):
        raise UserError(f"{path}: holds no object")
    return found


class Arrays:
    """The arrays in a folder, by name; each is read when it is asked for.

    `body` is what the names begin with in the files of a model with a head, and is put before those
    of one without.
    """

    def __init__(self, folder: Path, body: str):
        self.folder, self.read = folder, set()
        self._where: dict[str, tuple[Path, str]] = {}
        for file in _files(folder):
            with _opened(file) as content:
                self._where |= {_newer(name): (file, name) for name in content.keys()}  # noqa: SIM118
        bare = body and not any(name.startswith(f"{body}.") for name in self._where)
        if bare:
            self._where = {f"{body}.{name}": place for name, place in self._where.items()}

    def __contains__(self, name: str) -> bool:
        return name in self._where

    def __getitem__(self, name: str) -> np.ndarray:
        """In float32. Raises `UserError` for a name that is not there."""
        if name not in self._where:
            raise UserError(f"{self.folder}: has no weights {name!r}, which {CONFIG} implies")
        self.read.add(name)
        found = self._raw(name)
        if not np.isfinite(found).all():
            raise UserError(f"{self.folder}: the weights {name!r} hold what is no number")
        return found

    def unread(self) -> Iterator[str]:
        """The names of what nobody asked for and that does not follow from the rest."""
        for name in sorted(self._where.keys() - self.read):
            if not _COMPUTED.fullmatch(name) and not self._is_a_copy(name):
                yield name

    def _is_a_copy(self, name: str) -> bool:
        """Whether an array is one of those that were read, under another name."""
        shape, array = self._shape(name), None
        for other in self.read:
            if self._shape(other) == shape and self._kind(name) in _NUMBERS:
                array = self._raw(name) if array is None else array
                if np.array_equal(array, self._raw(other)):
                    return True
        return False

    def _shape(self, name: str) -> list[int]:
        file, theirs = self._where[name]
        with _opened(file) as content:
            return content.get_slice(theirs).get_shape()

    def _kind(self, name: str) -> str:
        file, theirs = self._where[name]
        with _opened(file) as content:
            return content.get_slice(theirs).get_dtype()

    def _raw(self, name: str) -> np.ndarray:
        file, theirs = self._where[name]
        if self._kind(name) not in _NUMBERS:
            raise UserError(
                f"{file}: the weights {name!r} are {self._kind(name)}, which is not read"
            )
        with _opened(file) as content:
            return np.asarray(content.get_tensor(theirs), dtype="float32")


def write(folder: Path, fields: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Make the folder of a configuration and of arrays."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True)
    (folder / CONFIG).write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")
    whole = {name: np.ascontiguousarray(array, dtype="float32") for name, array in arrays.items()}
    save_file(whole, folder / WEIGHTS, metadata={"format": "pt"})


def _files(folder: Path) -> list[Path]:
    """The files of the arrays, of which there are several where they are large."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / INDEX).is_file():
        named = read_json(folder / INDEX).get("weight_map")
        if not isinstance(named, dict) or not all(isinstance(one, str) for one in named.values()):
            raise UserError(f"{folder / INDEX}: its weight_map is none of names and files")
        files = [folder / name for name in sorted(set(named.values()))]
        missing = next((file for file in files if not file.is_file()), None)
        if missing:
            raise UserError(f"{missing}: is not there, though {INDEX} names it")
        return files
    older = next(folder.glob("*.bin"), None)
    told = f"; {older.name} may hold code: save the model again as safetensors" if older else ""
    raise UserError(f"{folder}: has no {WEIGHTS}{told}")


@contextmanager
def _opened(file: Path):
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy") as content:
            yield content
    except (SafetensorError, OSError) as error:
        raise UserError(f"{file}: cannot be read ({error})") from error


def _newer(name: str) -> str:
    ending = next((old for old in _OLDER if name.endswith(old)), None)
    return name.removesuffix(ending) + _OLDER[ending] if ending else name
