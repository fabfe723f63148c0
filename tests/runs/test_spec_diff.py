"""The differences of two specs are the unequal values, each with its path."""

from archbuilder.runs.spec_diff import Difference, differences


def test_equal_specs_have_no_differences():
    assert list(differences({"a": {"b": [1, 2]}}, {"a": {"b": [1, 2]}})) == []


def test_each_difference_has_a_path_and_both_values():
    old = {"a": {"b": 1, "c": 2}, "d": [1, 2], "e": {"f": 1}}
    new = {"a": {"b": 1, "c": 3}, "d": [1], "g": True}
    assert list(differences(old, new)) == [
        Difference("a.c", 2, 3),
        Difference("d", [1, 2], [1]),
        Difference("e", {"f": 1}, None),
        Difference("g", None, True),
    ]


def test_a_difference_is_formatted_as_a_change():
    assert str(Difference("training.steps", 6, 9)) == "training.steps: 6 -> 9"
