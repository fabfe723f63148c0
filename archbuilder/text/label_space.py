"""One order of classes for all corpora of a data set: that of the training data."""

from collections.abc import Iterable, Sequence

from archbuilder.text.label import label_names
from archbuilder.text.token_store import Tokens

LabelNames = dict[str, tuple[str, ...] | None]
"""The names of the classes of each label column; None for numbers to predict."""


def train_label_names(members: Iterable[Tokens]) -> LabelNames:
    """Return the classes of all corpora of the training data.

    Raises:
        UserError: The labels of the corpora do not belong together.
    """
    distinct: dict[str, list] = {}
    for tokens in members:
        for name, column in tokens.labels.items():
            distinct.setdefault(name, []).extend(column.distinct)
    return {name: label_names(labels) for name, labels in distinct.items()}


def with_label_names(
    members: Sequence[tuple[float, Tokens]], names: LabelNames
) -> tuple[tuple[float, Tokens], ...]:
    """Return the corpora of a split, each with its weight, with the classes of the training data.

    Raises:
        UserError: A label is not among the classes.
    """
    return tuple((weight, tokens.with_label_names(names)) for weight, tokens in members)
