"""Labels of records: parsing, types, and the order of their classes."""

import math
import re
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from archbuilder.errors import UserError
from archbuilder.language.error_messages import suggestion
from archbuilder.language.node import quote
from archbuilder.text.record import SourceLocation

Label = str | int | bool | float
"""Label of a record: the name or number of a class, or a number to predict."""


class DistinctLabel(NamedTuple):
    """Label with the location of the first record that has it."""

    label: Label
    location: SourceLocation

    @property
    def name(self) -> str:
        """Name of the class."""
        return str(self.label).lower() if isinstance(self.label, bool) else str(self.label)


NUM_SHOWN = 12
"""Maximum number of labels that a message lists."""
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][+-]?[0-9]+)?")


def parse_label(text: str) -> Label | None:
    """Return the label of an untyped text, such as a cell of a CSV file; None if it is empty.

    Integers and decimal numbers become numbers; "007" and "1.2.3" remain text.
    """
    text = text.strip()
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text or None


def typed_label(cell: Any) -> Label | None:
    """Return the label in a typed cell, such as a JSON value; None if it is empty.

    Raises:
        ValueError: The cell is not a label.
    """
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if isinstance(cell, str):
        return cell.strip() or None
    if isinstance(cell, bool):
        return cell
    if isinstance(cell, int) and -(2**63) <= cell < 2**63:
        return cell
    if isinstance(cell, float) and math.isfinite(cell):
        return cell
    raise ValueError("must be text, a 64-bit integer, a finite number, or true or false")


def label_names(labels: Sequence[DistinctLabel]) -> tuple[str, ...] | None:
    """Return the names of the classes in order; None if the labels are numbers to predict.

    Text is sorted by its characters, integers by value, and false before true. Labels are numbers
    to predict if all are numbers and at least one is not an integer. Integers mixed with text are
    treated as text.

    Args:
        labels: The distinct labels; a single non-integer number is enough.

    Raises:
        UserError: The labels are of incompatible types.
    """
    kinds = {type(distinct.label) for distinct in labels}
    if float in kinds and kinds <= {int, float}:
        return None
    if len(kinds) > 1 and kinds != {int, str}:
        raise _mixed(labels)
    ordered = sorted(labels, key=attrgetter("label" if len(kinds) == 1 else "name"))
    return tuple(dict.fromkeys(distinct.name for distinct in ordered))


def unknown_label(unknown: DistinctLabel, classes: Iterable[str] | None) -> UserError:
    """Return the error for a label that does not occur in the training data.

    Args:
        unknown: The label.
        classes: The names of the classes of the training data; None for numbers to predict.
    """
    problem = f"{unknown.location}: the label {quote(unknown.name)} is not"
    if classes is None:
        return UserError(f"{problem} a number, but all labels of data.train are")
    names = list(classes)
    shown = ", ".join(map(quote, names[:NUM_SHOWN]))
    others = f" and {len(names) - NUM_SHOWN:,} others" if len(names) > NUM_SHOWN else ""
    return UserError(
        f"{problem} in data.train, which has {shown}{others}{suggestion(unknown.name, names)}"
    )


def _mixed(labels: Iterable[DistinctLabel]) -> UserError:
    by_kind: dict[type, DistinctLabel] = {}
    for distinct in labels:
        by_kind.setdefault(type(distinct.label), distinct)
    first, second, *_ = by_kind.values()
    return UserError(
        f"{second.location}: the label {quote(second.name)} is {_described(second.label)}, and "
        f"{quote(first.name)} at {first.location} is {_described(first.label)}; "
        "labels must be all text, all numbers, or all true or false"
    )


def _described(label: Label) -> str:
    if isinstance(label, bool):
        return "true or false"
    return "text" if isinstance(label, str) else "a number"
