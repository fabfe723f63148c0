"""`extends` and `--set`: what wins, what stays, and what is said."""

import pytest

from archbuilder.language import SpecError, read
from archbuilder.shipped import shipped_specs
from tests.language.toy import SPEC


def plain(text, *overrides, write, **files):
    write(spec=text, **files)
    return read("spec.yaml", overrides).to_python()


def test_mappings_merge_deeply_and_lists_are_replaced_whole(write):
    base = "a: {b: 1, c: {d: 2, e: 3}}\nf: [1, 2]"
    found = plain("extends: base.yaml\na: {c: {e: 4}}\nf: [5]", write=write, base=base)
    assert found == {"a": {"b": 1, "c": {"d": 2, "e": 4}}, "f": [5]}


def test_null_is_as_if_never_written(write):
    base = "a: {b: 1, c: 2}\nd: {e: 1}\nf: 1"
    found = plain("extends: base.yaml\na: {b: null}\nd: ~\nf:\ng: null", write=write, base=base)
    assert found == {"a": {"c": 2}}


def test_what_null_took_away_can_be_written_afresh(write):
    middle = "extends: base.yaml\na: null"
    found = plain("extends: middle.yaml\na: {c: 2}", write=write, middle=middle, base="a: {b: 1}")
    assert found == {"a": {"c": 2}}


def test_nulls_within_lists_stay_for_what_they_are_merged_into(write):
    assert plain("a: [{b: null}, null]", write=write) == {"a": [{"b": None}, None]}


def test_a_different_type_starts_afresh_and_the_same_type_merges(write):
    base = "a: {type: one, x: 1}\nb: {type: one, x: 1}\nc: {x: 1}"
    text = "extends: base.yaml\na: {type: two, y: 2}\nb: {type: one, y: 2}\nc: {type: one}"
    assert plain(text, write=write, base=base) == {
        "a": {"type": "two", "y": 2},
        "b": {"type": "one", "x": 1, "y": 2},
        "c": {"x": 1, "type": "one"},
    }


def test_a_list_of_parents_is_merged_from_left_to_right(write):
    files = {"one": "a: 1\nb: 1\nc: 1", "two": "a: 2\nb: 2"}
    found = plain("extends: [one.yaml, two.yaml]\na: 3", write=write, **files)
    assert found == {"a": 3, "b": 2, "c": 1}


def test_a_parent_is_relative_to_the_file_that_extends_it(here, write):
    (here / "deep").mkdir()
    (here / "deep" / "middle.yaml").write_text("extends: ../base.yaml\nb: 2")
    assert plain("extends: deep/middle.yaml", write=write, base="a: 1") == {"a": 1, "b": 2}


def test_a_mistake_in_a_parent_is_told_at_its_line_with_its_relative_name(here, write):
    (here / "deep").mkdir()
    (here / "deep" / "parent.yaml").write_text("a: 1\na: 2")
    write(spec="extends: deep/parent.yaml")
    with pytest.raises(SpecError, match=r"^deep/parent\.yaml:2:1: 'a' is written twice"):
        read("spec.yaml")


def test_a_name_that_is_not_beside_the_file_is_looked_up_among_the_shipped(
    write, monkeypatch, here
):
    shipped = here / "shipped"
    shipped.mkdir()
    (shipped / "paper.yaml").write_text("a: 1")
    monkeypatch.setattr("archbuilder.language.merge.shipped_specs", lambda: shipped)
    assert plain("extends: paper.yaml", write=write) == {"a": 1}
    assert plain("extends: paper.yaml", write=write, paper="a: 2") == {"a": 2}


def test_the_shipped_specs_are_a_folder():
    assert shipped_specs().name == "specs"


EXTENDS = {
    "extends: spec.yaml": "1:10: extends: a circle: spec.yaml -> spec.yaml",
    "extends: bsae.yaml": "1:10: extends: there is no 'bsae.yaml' beside this file or among the "
    "shipped specs; did you mean 'base.yaml'?",
    "extends: 5": "1:10: extends: must be a file, or a list of files",
    "extends: [base.yaml, {a: b}]": "1:22: extends: must be a file, or a list of files",
    "extends: .": "1:10: extends: '.' is a directory",
    "extends: empty.yaml": "1:10: extends: 'empty.yaml' is empty; a spec is a mapping of fields",
    "extends: ''": "1:10: extends: must be a file, or a list of files",
}


@pytest.mark.parametrize("text", EXTENDS)
def test_what_cannot_be_extended_is_told_where_it_is_asked_for(text, lines):
    assert lines(text, base=SPEC, empty="") == [f"spec.yaml:{EXTENDS[text]}"]


def test_a_longer_circle_is_told_where_it_closes(lines):
    assert lines("extends: other.yaml", other="extends: spec.yaml") == [
        "other.yaml:1:10: extends: a circle: spec.yaml -> other.yaml -> spec.yaml"
    ]


def test_a_diamond_is_no_circle_and_costs_each_file_once(write):
    levels = {f"n{i}": f"extends: [n{i + 1}.yaml, n{i + 1}.yaml]" for i in range(40)}
    assert plain("extends: n0.yaml", write=write, **levels, n40="a: 1") == {"a": 1}


def test_more_files_than_the_budget_are_refused(lines):
    levels = {f"n{i}": f"extends: n{i + 1}.yaml" for i in range(120)}
    (line,) = lines("extends: n0.yaml", **levels)
    assert line.endswith("extends: more than 100 files")


def test_all_parents_that_fail_are_told_at_once(lines):
    found = lines("extends: [one.yaml, none.yaml, two.yaml]", one="- a", two="a: *x")
    assert [line.split(": ")[0] for line in found] == [
        "spec.yaml:1:21",
        "one.yaml:1:1",
        "two.yaml:1:4",
    ]


def test_options_are_merged_in_order_and_read_as_yaml(write):
    sets = ("a.b=1e-4", "a.c=[1, 2]", "a.b=.5", "d={e: null, f: true}", "g=", "h=04", "i=x=y")
    assert plain("a: {z: 0}\ng: 1", *sets, write=write) == {
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
    "extends=a.yaml": "'extends' is written in the file, not on the command line",
    "a=#1": "a value that begins with '#' must stand in quotes",
    "a=[1": "this list is not closed with ']', or a ',' is missing in it",
    "a=[": "the text ends where a value should stand",
    "a=!!int 1": "tags that begin with '!' are not accepted; write the bare value",
    "a=*stack": "no anchor &stack stands above",
    "a={b: 1, b: 2}": "'b' is written twice",
    "objectives.0=1": "objectives is a list; set it as a whole",
}


def test_each_option_that_cannot_be_read_is_told_as_the_option(lines):
    assert lines("objectives: [1]", *list(OPTIONS)[:-1]) == [
        f"--set {text}: {sentence}" for text, sentence in list(OPTIONS.items())[:-1]
    ]
    last = list(OPTIONS)[-1]
    assert lines("objectives: [1]", last) == [f"--set {last}: {OPTIONS[last]}"]


def test_an_option_cannot_nest_deeper_than_the_budget(lines):
    (line,) = lines(SPEC, "a" + ".a" * 5000 + "=1")
    assert line.endswith(": this is nested deeper than 64 levels")


def notes(text, *overrides, write, **files):
    write(spec=text, **files)
    return read("spec.yaml", overrides).notes


def test_changing_one_of_two_places_that_share_an_anchor_says_so(write):
    assert notes(SPEC, "model.encoder.num_layers=4", write=write) == [
        "--set model.encoder.num_layers=4: model.decoder shared this value through the anchor "
        "&stack and keeps 6"
    ]
    assert notes(SPEC, "model.decoder.attention.num_heads=4", write=write) == [
        "--set model.decoder.attention.num_heads=4: model.encoder shared this value through the "
        "anchor &stack and keeps 8"
    ]
    assert notes("a: &n 5\nb: *n", "a=4", write=write) == [
        "--set a=4: b shared this value through the anchor &n and keeps 5"
    ]


def test_a_child_that_parts_its_parents_anchor_says_so_at_its_line(write):
    child = "extends: base.yaml\nmodel:\n  encoder: {num_layers: 4}"
    assert notes(child, write=write, base=SPEC) == [
        "spec.yaml:3:25: model.encoder.num_layers: model.decoder shared this value through the "
        "anchor &stack and keeps 6"
    ]


def test_nothing_is_said_where_nothing_parts(write):
    both = ("model.encoder.num_layers=4", "model.decoder.num_layers=4")
    assert notes(SPEC, *both, write=write) == []
    assert notes(SPEC, "model.encoder.num_layers=6", write=write) == []
    assert notes(SPEC, "model.encoder.num_layers=4", "model.decoder=null", write=write) == []
    assert notes(SPEC, "model.hidden_dim=4", write=write) == []
