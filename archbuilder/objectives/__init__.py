"""Training objectives: a file each, and their union. Several add up without knowing each other."""

from collections.abc import Iterator
from functools import reduce
from importlib import import_module
from operator import or_
from pkgutil import iter_modules

from archbuilder.objectives.objective import Objective, deciding, scored, weights_at


def _found() -> Iterator[type[Objective]]:
    """The objectives in the files of this folder: a new one is known by being there."""
    for file in sorted(iter_modules(__path__, f"{__name__}."), key=lambda one: one.name):
        for one in vars(import_module(file.name)).values():
            own = isinstance(one, type) and one.__module__ == file.name
            if own and issubclass(one, Objective) and "type" in one.model_fields:
                yield one


AnyObjective = reduce(or_, _found())

__all__ = ["AnyObjective", "Objective", "deciding", "scored", "weights_at"]
