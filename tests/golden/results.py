"""Results of runs, and the differences between two runs."""

import io
import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

import h5py
import numpy as np

Record = dict[str, Any]

TIMES = {"tokens_per_second", "data_wait_fraction", "waiting_share"}
"""Fields of records that depend on the speed of the machine; they are not compared."""

RENAMED: dict[str, str] = {r"(.*)\.tell": r"\1.logits"}
"""Renames of metrics and layers since the base: a regular expression that matches the old name, and
the replacement, as in {r"(.*)\\.old": r"\\1.new"}."""


class Comparison(NamedTuple):
    """The difference between two sets of numbers."""

    count: int
    """Number of records or weights."""
    difference: float
    """Maximum of |a - b| / max(1, |a|, |b|); infinite if a number is missing on one side."""
    mismatches: tuple[str, ...]
    """Names of the numbers that differ, in order."""


def records(run: Path) -> list[Record]:
    """Return the records of metrics.jsonl without times."""
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [
        {_renamed(name): value for name, value in json.loads(line).items() if name not in TIMES}
        for line in lines
    ]


def weights(run: Path) -> dict[str, np.ndarray]:
    """Return the weights of model.keras by layer name and index, as in `encoder.norm/0`."""
    with ZipFile(run / "model.keras") as archive:
        file = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
    arrays: dict[str, np.ndarray] = {}

    def collect(path: str, item: h5py.Group | h5py.Dataset) -> None:
        if not isinstance(item, h5py.Dataset):
            return
        layer = item.parent.attrs.get("name", path)
        name = f"{_renamed(str(layer))}/{path.rpartition('/')[2]}"
        if name in arrays:
            raise ValueError(f"{run}: two weights have the name {name}")
        arrays[name] = item[()]

    file.visititems(collect)
    return arrays


def compare_records(base: list[Record], current: list[Record]) -> Comparison:
    """Compare records in order, field by field."""
    return _compare(_fields(base), _fields(current), max(len(base), len(current)))


def compare_weights(base: dict[str, np.ndarray], current: dict[str, np.ndarray]) -> Comparison:
    """Compare weights by name, bit by bit."""
    return _compare(base, current, max(len(base), len(current)))


def _compare(base: Mapping[str, Any], current: Mapping[str, Any], count: int) -> Comparison:
    names = list(dict.fromkeys([*base, *current]))
    differences = {name: _difference(base.get(name), current.get(name)) for name in names}
    mismatches = tuple(name for name, difference in differences.items() if difference)
    return Comparison(count, max(differences.values(), default=math.inf), mismatches)


def _difference(base: Any, current: Any) -> float:
    """Return 0 for equal bits, else the relative difference, or infinity if it is not defined."""
    if base is None or current is None or isinstance(base, str):
        return 0.0 if base == current else math.inf
    old, new = np.asarray(base), np.asarray(current)
    if (old.shape, old.dtype) != (new.shape, new.dtype):
        return math.inf
    if old.tobytes() == new.tobytes():
        return 0.0
    old, new = old.astype("float64"), new.astype("float64")
    scale = np.maximum(1.0, np.maximum(np.abs(old), np.abs(new)))
    largest = float(np.max(np.abs(old - new) / scale))
    return largest if math.isfinite(largest) else math.inf


def _fields(run: Iterable[Record]) -> dict[str, Any]:
    """Return each field of each record with a unique name.

    A step can have two records, of training and of validation, with different fields.
    """
    fields: dict[str, Any] = {}
    for number, record in enumerate(run):
        fields |= {f"record {number}: {name}": value for name, value in record.items()}
    return fields


def _renamed(name: str) -> str:
    for pattern, replacement in RENAMED.items():
        if re.fullmatch(pattern, name):
            return re.sub(pattern, replacement, name, count=1)
    return name
