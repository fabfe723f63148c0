"""Tests of parameter counts by part: a part is the complete first component of a name."""

from archbuilder.experiment import load
from archbuilder.insight.summary import as_text, summarize
from archbuilder.network.parameter_counter import ParameterCounter
from tests import small_run


def test_a_part_is_matched_by_complete_names():
    counter = ParameterCounter()
    for name, units in (("a", 1), ("a.b", 10), ("a_b", 100), ("ab.c", 1000)):
        counter.Dense(units, use_bias=False, name=name).build((None, 1))
    assert [counter.total(part) for part in ("a", "a_b", "ab", None)] == [11, 100, 1000, 1111]


def test_objectives_with_a_common_prefix_are_counted_separately(tmp_path):
    spec = small_run.bert(tmp_path)
    spec["objectives"] = {
        "next": {"type": "next_sentence"},
        "next_masked": {"type": "masked_lm"},
    }
    parameters = summarize(load(small_run.write(spec, tmp_path / "spec.yaml")))["parameters"]
    assert parameters["parts"]["next"] == 16 * 2 + 2
    assert parameters["parts"]["next_masked"] == (16 * 16 + 16) + 2 * 16 + 100
    assert sum(parameters["parts"].values()) == parameters["total"]


def test_names_and_numbers_are_not_truncated():
    name, count = "é漢" * 100, 10**99
    text = as_text({"name": name, "parameters": {"total": count, "parts": {"a" * 200: count}}})
    assert text.splitlines()[0] == name
    assert "a" * 200 in text
    assert text.count(f"{count:,}") == 2
