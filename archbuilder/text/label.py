"""Labels: the classes or numbers of records, as they are written, and in the order of classes."""

import math
import re
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from archbuilder.errors import UserError
from archbuilder.language.error_messages import meant
from archbuilder.language.node import quote
from archbuilder.text.record import SourceLocation

Label = str | int | bool | float
"""A label of a record: the name or number of a class, or a number to predict."""


class DistinctLabel(NamedTuple):
    """A label with the location of the first record that has it."""

    label: Label
    location: SourceLocation

    @property
    def name(self) -> str:
        """The label as the name of a class."""
        return str(self.label).lower() if isinstance(self.label, bool) else str(self.label)


NUM_SHOWN = 12
"""Labels that a message lists at most."""
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][+-]?[0-9]+)?")


def parse_label(text: str) -> Label | None:
    """Return the label that text stands for, such as the cell of a CSV file; None if it is empty.

    Integers and decimal numbers become numbers; "007" and "1.2.3" remain text.
    """
    text = text.strip()
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text or None


def typed_label(cell: Any) -> Label | None:
    """Return the label in a cell that has a type; None if it is empty. Raise ValueError."""
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
    raise ValueError("must be text, an integer of 64 bits, a finite number, or true or false")


def label_names(labels: Sequence[DistinctLabel]) -> tuple[str, ...] | None:
    """Return the names of the classes in order; None if the labels are numbers to predict.

    Text is in order of its characters, integers in order of size, and false comes before true.
    Labels are numbers to predict if all are numbers, and one or more is not an integer. Integers
    and text together are text.

    Args:
        labels: The distinct labels; of numbers that are not integers, one is enough.

    Raises:
        UserError: The labels are of types that do not belong together.
    """
    kinds = {type(distinct.label) for distinct in labels}
    if float in kinds and kinds <= {int, float}:
        return None
    if len(kinds) > 1 and kinds != {int, str}:
        raise _mixed(labels)
    ordered = sorted(labels, key=attrgetter("label" if len(kinds) == 1 else "name"))
    return tuple(dict.fromkeys(distinct.name for distinct in ordered))


def unknown_label(unknown: DistinctLabel, known: Iterable[str] | None) -> UserError:
    """Return the error of a label that the training data does not have.

    Args:
        unknown: The label.
        known: The names of the classes of the training data; None for numbers to predict.
    """
    problem = f"{unknown.location}: the label {quote(unknown.name)} is not"
    if known is None:
        return UserError(f"{problem} a number, as the labels of data.train are")
    known = list(known)
    shown = ", ".join(map(quote, known[:NUM_SHOWN]))
    others = f" and {len(known) - NUM_SHOWN:,} others" if len(known) > NUM_SHOWN else ""
    return UserError(f"{problem} in data.train; it has {shown}{others}{meant(unknown.name, known)}")


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
