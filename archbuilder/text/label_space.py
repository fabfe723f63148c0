"""Class names of labels: all corpora use those of the training data."""

from collections.abc import Iterable, Sequence

from archbuilder.text.label import label_names
from archbuilder.text.token_store import Tokens

LabelNames = dict[str, tuple[str, ...] | None]
"""Names of the classes of each label column; None for numbers to predict."""


def train_label_names(members: Iterable[Tokens]) -> LabelNames:
    """Return the class names of all corpora of the training data.

    Raises:
        UserError: The corpora have labels of incompatible types.
    """
    distinct: dict[str, list] = {}
    for tokens in members:
        for name, column in tokens.labels.items():
            distinct.setdefault(name, []).extend(column.distinct)
    return {name: label_names(labels) for name, labels in distinct.items()}


def with_label_names(
    members: Sequence[tuple[float, Tokens]], names: LabelNames
) -> tuple[tuple[float, Tokens], ...]:
    """Return the weighted corpora of a split, with labels in the classes of the training data.

    Raises:
        UserError: A label does not occur in the training data.
    """
    return tuple((weight, tokens.with_label_names(names)) for weight, tokens in members)
