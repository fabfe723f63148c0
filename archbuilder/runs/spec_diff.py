"""Differences between two specs."""

from collections.abc import Iterator
from typing import Any, NamedTuple


class Difference(NamedTuple):
    """A value that differs between two specs."""

    path: str
    """Dotted path of the value, such as `training.steps`."""
    old: Any
    """Value in the old spec; None if the spec does not have it."""
    new: Any
    """Value in the new spec; None if the spec does not have it."""

    def __str__(self) -> str:
        return f"{self.path}: {self.old} -> {self.new}"


def differences(old: Any, new: Any, path: str = "") -> Iterator[Difference]:
    """Yield the differences between two specs. A list is compared as a single value.

    Args:
        old: The old spec as plain data, or a part of it.
        new: The new spec as plain data, or a part of it.
        path: Dotted path of the part. Default: empty, the whole spec.
    """
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            child = f"{path}.{key}" if path else str(key)
            yield from differences(old.get(key), new.get(key), child)
    elif old != new:
        yield Difference(path, old, new)
