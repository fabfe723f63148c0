"""Model folders in the format of `save_pretrained`: `config.json` and safetensors files."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import override

from archbuilder.errors import UserError

CONFIG, WEIGHTS = "config.json", "model.safetensors"
INDEX = f"{WEIGHTS}.index.json"

# Names of arrays that `transformers` computes from the configuration.
_COMPUTED = re.compile(
    r"(.*\.)?(position_ids|token_type_ids|attn\.(masked_)?bias|rotary_emb\..*|inv_freq)"
)
_FLOATS = ("F64", "F32", "F16", "BF16")
# Suffixes of the names of norm weights in files of early BERT models, and the current suffixes.
_OLDER_SUFFIXES = {".gamma": ".weight", ".beta": ".bias"}


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file. Raise UserError if it cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: invalid JSON: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a JSON object, got {type(content).__name__}")
    return content


class Arrays(Mapping[str, np.ndarray]):
    """The arrays of a folder by name, in float32. An array is loaded when it is accessed.

    The names are those of a model with a head. The files of a model without a head lack the prefix
    `body`, such as "bert."; it is added to their names.
    """

    def __init__(self, folder: Path, body: str) -> None:
        """Read the names of the arrays.

        Args:
            folder: The model folder.
            body: Name of the PyTorch module with all layers except the heads. Empty: none.

        Raises:
            UserError: The folder has no safetensors files, or one cannot be read.
        """
        self.folder = folder
        self._accessed: set[str] = set()
        self._locations: dict[str, tuple[Path, str]] = {}
        for file in _weight_files(folder):
            with _open(file) as content:
                names = content.keys()
                self._locations |= {_current_name(name): (file, name) for name in names}
        if body and not any(name.startswith(f"{body}.") for name in self._locations):
            self._locations = {
                f"{body}.{name}": location for name, location in self._locations.items()
            }

    @override
    def __contains__(self, name: object) -> bool:
        return name in self._locations

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._locations)

    @override
    def __len__(self) -> int:
        return len(self._locations)

    @override
    def __getitem__(self, name: str) -> np.ndarray:
        """Return an array in float32. Raise UserError if it is missing or has NaN or infinity."""
        if name not in self._locations:
            raise UserError(f"{self.folder}: weights {name!r} are missing; {CONFIG} requires them")
        self._accessed.add(name)
        array = self._load(name)
        if not np.isfinite(array).all():
            raise UserError(f"{self.folder}: weights {name!r} contain NaN or infinity")
        return array

    def unread(self) -> Iterator[str]:
        """Yield the names of arrays that were not accessed.

        Names are skipped if `transformers` computes the array, or if it is a copy of an accessed
        array, as tied weights are.
        """
        for name in sorted(self._locations.keys() - self._accessed):
            if not _COMPUTED.fullmatch(name) and not self._is_copy(name):
                yield name

    def _is_copy(self, name: str) -> bool:
        """Return whether an array equals one that was accessed by another name."""
        shape, array = self._shape(name), None
        for other in self._accessed:
            if self._shape(other) == shape and self._dtype(name) in _FLOATS:
                array = self._load(name) if array is None else array
                if np.array_equal(array, self._load(other)):
                    return True
        return False

    def _shape(self, name: str) -> list[int]:
        file, stored_name = self._locations[name]
        with _open(file) as content:
            return content.get_slice(stored_name).get_shape()

    def _dtype(self, name: str) -> str:
        file, stored_name = self._locations[name]
        with _open(file) as content:
            return content.get_slice(stored_name).get_dtype()

    def _load(self, name: str) -> np.ndarray:
        file, stored_name = self._locations[name]
        dtype = self._dtype(name)
        if dtype not in _FLOATS:
            raise UserError(
                f"{file}: weights {name!r} have the unsupported dtype {dtype}; "
                "expected a float dtype"
            )
        with _open(file) as content:
            return np.asarray(content.get_tensor(stored_name), dtype="float32")


def write_folder(folder: Path, fields: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Create a model folder.

    Args:
        folder: The folder to create; it must not exist.
        fields: The fields of `config.json`.
        arrays: The weights by name; they are stored in float32.
    """
    from safetensors.numpy import save_file

    folder.mkdir(parents=True)
    (folder / CONFIG).write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")
    stored = {name: np.ascontiguousarray(array, dtype="float32") for name, array in arrays.items()}
    save_file(stored, folder / WEIGHTS, metadata={"format": "pt"})


def _weight_files(folder: Path) -> list[Path]:
    """Return the paths of the weight files; large models have several."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / INDEX).is_file():
        files_by_name = read_json(folder / INDEX).get("weight_map")
        if not isinstance(files_by_name, dict) or not all(
            isinstance(file, str) for file in files_by_name.values()
        ):
            raise UserError(
                f"{folder / INDEX}: 'weight_map' must map names of weights to file names"
            )
        files = [folder / name for name in sorted(set(files_by_name.values()))]
        missing = next((file for file in files if not file.is_file()), None)
        if missing:
            raise UserError(f"{missing}: no such file, but {INDEX} lists it")
        return files
    pickled = next(folder.glob("*.bin"), None)
    hint = ""
    if pickled:
        hint = f"; {pickled.name} is not supported, as it may contain code: save it as safetensors"
    raise UserError(f"{folder}: contains no {WEIGHTS}{hint}")


@contextmanager
def _open(file: Path) -> Iterator[Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy") as content:
            yield content
    except (SafetensorError, OSError) as error:
        raise UserError(f"{file}: cannot be read: {error}") from error


def _current_name(name: str) -> str:
    suffix = next((suffix for suffix in _OLDER_SUFFIXES if name.endswith(suffix)), None)
    return name.removesuffix(suffix) + _OLDER_SUFFIXES[suffix] if suffix else name
