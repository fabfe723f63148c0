"""Counting by part: what belongs to a part is told by whole names."""

from archbuilder.experiment import load
from archbuilder.insight.summary import as_text, summarize
from archbuilder.network.parameter_counter import ParameterCounter
from tests import small_run


def test_a_part_is_counted_by_whole_names():
    ledger = ParameterCounter()
    for name, units in (("a", 1), ("a.b", 10), ("a_b", 100), ("ab.c", 1000)):
        ledger.Dense(units, use_bias=False, name=name).build((None, 1))
    assert [ledger.total(part) for part in ("a", "a_b", "ab", None)] == [11, 100, 1000, 1111]


def test_objectives_whose_names_begin_alike_are_counted_apart(tmp_path):
    spec = small_run.bert(tmp_path)
    spec["objectives"] = {
        "next": {"type": "next_sentence"},
        "next_masked": {"type": "masked_lm"},
    }
    found = summarize(load(small_run.write(spec, tmp_path / "spec.yaml")))["parameters"]
    assert found["parts"]["next"] == 16 * 2 + 2
    assert found["parts"]["next_masked"] == (16 * 16 + 16) + 2 * 16 + 100
    assert sum(found["parts"].values()) == found["total"]


def test_no_name_and_no_number_is_cut_off():
    name, count = "é漢" * 100, 10**99
    text = as_text({"name": name, "parameters": {"total": count, "parts": {"a" * 200: count}}})
    assert text.splitlines()[0] == name
    assert "a" * 200 in text
    assert text.count(f"{count:,}") == 2
