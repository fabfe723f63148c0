"""`extends` and `--set`: merging, error messages, and notes about anchors."""

import pytest

from archbuilder.language import SpecError, read
from archbuilder.shipped import shipped_specs
from tests.language.toy import SPEC


def merged(text, *overrides, write, **files):
    write(spec=text, **files)
    return read("spec.yaml", overrides).to_python()


def test_mappings_merge_deeply_and_lists_are_replaced_whole(write):
    base = "a: {b: 1, c: {d: 2, e: 3}}\nf: [1, 2]"
    result = merged("extends: base.yaml\na: {c: {e: 4}}\nf: [5]", write=write, base=base)
    assert result == {"a": {"b": 1, "c": {"d": 2, "e": 4}}, "f": [5]}


def test_null_removes_a_value(write):
    base = "a: {b: 1, c: 2}\nd: {e: 1}\nf: 1"
    result = merged("extends: base.yaml\na: {b: null}\nd: ~\nf:\ng: null", write=write, base=base)
    assert result == {"a": {"c": 2}}


def test_value_removed_by_null_can_be_set_again(write):
    middle = "extends: base.yaml\na: null"
    result = merged("extends: middle.yaml\na: {c: 2}", write=write, middle=middle, base="a: {b: 1}")
    assert result == {"a": {"c": 2}}


def test_nulls_in_lists_are_kept_for_later_merges(write):
    assert merged("a: [{b: null}, null]", write=write) == {"a": [{"b": None}, None]}


def test_settings_of_another_type_are_replaced_and_of_the_same_type_merged(write):
    base = "a: {type: one, x: 1}\nb: {type: one, x: 1}\nc: {x: 1}"
    text = "extends: base.yaml\na: {type: two, y: 2}\nb: {type: one, y: 2}\nc: {type: one}"
    assert merged(text, write=write, base=base) == {
        "a": {"type": "two", "y": 2},
        "b": {"type": "one", "x": 1, "y": 2},
        "c": {"x": 1, "type": "one"},
    }


def test_list_of_specs_is_merged_from_left_to_right(write):
    files = {"one": "a: 1\nb: 1\nc: 1", "two": "a: 2\nb: 2"}
    result = merged("extends: [one.yaml, two.yaml]\na: 3", write=write, **files)
    assert result == {"a": 3, "b": 2, "c": 1}


def test_path_is_relative_to_the_file_that_extends_it(here, write):
    (here / "deep").mkdir()
    (here / "deep" / "middle.yaml").write_text("extends: ../base.yaml\nb: 2")
    assert merged("extends: deep/middle.yaml", write=write, base="a: 1") == {"a": 1, "b": 2}


def test_problem_of_an_extended_file_is_reported_with_its_relative_path(here, write):
    (here / "deep").mkdir()
    (here / "deep" / "parent.yaml").write_text("a: 1\na: 2")
    write(spec="extends: deep/parent.yaml")
    with pytest.raises(SpecError, match=r"^deep/parent\.yaml:2:1: 'a' is written twice"):
        read("spec.yaml")


def test_extended_spec_is_searched_next_to_the_file_and_then_among_shipped_specs(
    write, monkeypatch, here
):
    shipped = here / "shipped"
    shipped.mkdir()
    (shipped / "paper.yaml").write_text("a: 1")
    monkeypatch.setattr("archbuilder.language.merge.shipped_specs", lambda: shipped)
    assert merged("extends: paper.yaml", write=write) == {"a": 1}
    assert merged("extends: paper.yaml", write=write, paper="a: 2") == {"a": 2}


def test_shipped_specs_are_a_folder():
    assert shipped_specs().name == "specs"


EXTENDS = {
    "extends: spec.yaml": "1:10: extends: circular reference: spec.yaml -> spec.yaml",
    "extends: bsae.yaml": "1:10: extends: 'bsae.yaml' is neither next to this file nor a shipped "
    "spec; did you mean 'base.yaml'?",
    "extends: 5": "1:10: extends: must be a file, or a list of files",
    "extends: [base.yaml, {a: b}]": "1:22: extends: must be a file, or a list of files",
    "extends: .": "1:10: extends: '.' is a directory",
    "extends: empty.yaml": "1:10: extends: 'empty.yaml' is empty; a spec must be a mapping of "
    "fields",
    "extends: ''": "1:10: extends: must be a file, or a list of files",
}


@pytest.mark.parametrize("text", EXTENDS)
def test_invalid_extends_is_reported_at_its_value(text, lines):
    assert lines(text, base=SPEC, empty="") == [f"spec.yaml:{EXTENDS[text]}"]


def test_cycle_of_two_files_is_reported_where_it_closes(lines):
    assert lines("extends: other.yaml", other="extends: spec.yaml") == [
        "other.yaml:1:10: extends: circular reference: spec.yaml -> other.yaml -> spec.yaml"
    ]


def test_each_file_of_repeated_diamonds_is_read_once(write):
    levels = {f"n{i}": f"extends: [n{i + 1}.yaml, n{i + 1}.yaml]" for i in range(40)}
    assert merged("extends: n0.yaml", write=write, **levels, n40="a: 1") == {"a": 1}


def test_more_files_than_the_maximum_are_rejected(lines):
    levels = {f"n{i}": f"extends: n{i + 1}.yaml" for i in range(120)}
    (line,) = lines("extends: n0.yaml", **levels)
    assert line.endswith("extends: more than 100 files")


def test_problems_of_all_extended_files_are_reported_at_once(lines):
    problems = lines("extends: [first.yaml, none.yaml, second.yaml]", first="- a", second="a: *x")
    assert [line.split(": ")[0] for line in problems] == [
        "spec.yaml:1:23",
        "first.yaml:1:1",
        "second.yaml:1:4",
    ]


def test_options_are_merged_in_order_and_read_as_yaml(write):
    sets = ("a.b=1e-4", "a.c=[1, 2]", "a.b=.5", "d={e: null, f: true}", "g=", "h=04", "i=x=y")
    assert merged("a: {z: 0}\ng: 1", *sets, write=write) == {
        "a": {"z": 0, "b": 0.5, "c": [1, 2]},
        "d": {"f": True},
        "h": "04",
        "i": "x=y",
    }


OPTIONS = {
    "model": "must be a dotted name, '=' and a value, like model.hidden_dim=64",
    ".a=1": "must be a dotted name, '=' and a value, like model.hidden_dim=64",
    "a..b=1": "must be a dotted name, '=' and a value, like model.hidden_dim=64",
    "=1": "must be a dotted name, '=' and a value, like model.hidden_dim=64",
    "extends=a.yaml": "'extends' must be written in the file, not on the command line",
    "a=#1": "a value that starts with '#' must be quoted",
    "a=[1": "this list is not closed with ']', or a ',' is missing in it",
    "a=[": "expected a value, but the text ends",
    "a=!!int 1": "YAML tags are not supported; remove the tag that starts with '!'",
    "a=*stack": "the anchor &stack is not defined above",
    "a={b: 1, b: 2}": "'b' is written twice",
    "objectives.0=1": "objectives is a list; set the whole list",
}


def test_invalid_option_is_reported_with_the_option(lines):
    assert lines("objectives: [1]", *list(OPTIONS)[:-1]) == [
        f"--set {text}: {message}" for text, message in list(OPTIONS.items())[:-1]
    ]
    last = list(OPTIONS)[-1]
    assert lines("objectives: [1]", last) == [f"--set {last}: {OPTIONS[last]}"]


def test_option_cannot_be_nested_deeper_than_the_maximum(lines):
    (line,) = lines(SPEC, "a" + ".a" * 5000 + "=1")
    assert line.endswith(": is nested deeper than 64 levels")


def notes(text, *overrides, write, **files):
    write(spec=text, **files)
    return read("spec.yaml", overrides).notes


def test_override_of_one_of_two_values_of_an_anchor_is_noted(write):
    assert notes(SPEC, "model.encoder.num_layers=4", write=write) == [
        "--set model.encoder.num_layers=4: model.decoder shared this value through the anchor "
        "&stack and still has 6"
    ]
    assert notes(SPEC, "model.decoder.attention.num_heads=4", write=write) == [
        "--set model.decoder.attention.num_heads=4: model.encoder shared this value through the "
        "anchor &stack and still has 8"
    ]
    assert notes("a: &n 5\nb: *n", "a=4", write=write) == [
        "--set a=4: b shared this value through the anchor &n and still has 5"
    ]


def test_override_of_an_anchor_of_an_extended_file_is_noted_at_its_line(write):
    text = "extends: base.yaml\nmodel:\n  encoder: {num_layers: 4}"
    assert notes(text, write=write, base=SPEC) == [
        "spec.yaml:3:25: model.encoder.num_layers: model.decoder shared this value through the "
        "anchor &stack and still has 6"
    ]


def test_equal_or_removed_values_of_an_anchor_are_not_noted(write):
    both = ("model.encoder.num_layers=4", "model.decoder.num_layers=4")
    assert notes(SPEC, *both, write=write) == []
    assert notes(SPEC, "model.encoder.num_layers=6", write=write) == []
    assert notes(SPEC, "model.encoder.num_layers=4", "model.decoder=null", write=write) == []
    assert notes(SPEC, "model.hidden_dim=4", write=write) == []
