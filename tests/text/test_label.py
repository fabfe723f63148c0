"""Order of classes, and labels of incompatible types."""

import pytest

from archbuilder.errors import UserError
from archbuilder.text.label import DistinctLabel, label_names
from archbuilder.text.record import SourceLocation


def distinct(*labels):
    return [
        DistinctLabel(label, SourceLocation("text", line))
        for line, label in enumerate(labels, start=1)
    ]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (("pos", "neg", "Neg"), ("Neg", "neg", "pos")),
        ((10, 9, -1), ("-1", "9", "10")),
        ((True, False), ("false", "true")),
        (("n/a", 10, 9, "9"), ("10", "9", "n/a")),
        ((0.5,), None),
        ((1, 0.5), None),
    ],
)
def test_classes_are_sorted_and_numbers_have_none(labels, names):
    assert label_names(distinct(*labels)) == names


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            ("n/a", 0.5),
            "text:2: the label '0.5' is a number, and 'n/a' at text:1 is text; "
            "labels must be all text, all numbers, or all true or false",
        ),
        ((1, True), "text:2: the label 'true' is true or false, and '1' at text:1 is a number;"),
        (("a", False), "text:2: the label 'false' is true or false, and 'a' at text:1 is text;"),
    ],
)
def test_labels_of_incompatible_types_are_an_error(labels, message):
    with pytest.raises(UserError) as error:
        label_names(distinct(*labels))
    assert str(error.value).startswith(message)
