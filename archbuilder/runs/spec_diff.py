"""Differences between two specs."""

from collections.abc import Iterator
from typing import Any, NamedTuple


class Difference(NamedTuple):
    """A value that differs between two specs. None if a spec does not have the value."""

    path: str
    """Dotted path of the value, such as `training.steps`."""
    old: Any
    new: Any

    def __str__(self) -> str:
        return f"{self.path}: {self.old} -> {self.new}"


def differences(old: Any, new: Any, path: str = "") -> Iterator[Difference]:
    """Yield the differences between two specs as plain data. A list is a single value."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            child = f"{path}.{key}" if path else str(key)
            yield from differences(old.get(key), new.get(key), child)
    elif old != new:
        yield Difference(path, old, new)
