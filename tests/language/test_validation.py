"""Validation reports all problems at once, each once, at its position."""

from typing import Literal

import pytest

from archbuilder.errors import UserError
from archbuilder.language import Problem, Spec, SpecError, read, validate_tree
from tests.language.toy import SPEC, Constant, Toy, changed


def test_valid_spec_is_an_instance(toy):
    assert toy().model.encoder.attention.num_heads == 8


def test_ten_problems_are_reported_in_order(lines):
    text = changed(
        ("name: toy", "name: 5"),
        ("hidden_dim: 64", "hidden_dim: 4.0"),
        ("num_layers: 6", "num_layers: 0"),
        ("num_heads: 8", "num_heds: 8"),
        ("gelu", "rellu"),
        ("dropout: 0.1", "dropout: 2"),
        ("0.15", "x"),
        ("steps: 100", "steps: 04"),
        ("4096", "true"),
        ("1e-4", "{type: linear, peek: 1}"),
    )
    assert [line.split(": ")[0] for line in lines(text)] == [
        "spec.yaml:1:7",
        "spec.yaml:3:15",
        "spec.yaml:5:17",
        "spec.yaml:6:35",
        "spec.yaml:7:55",
        "spec.yaml:8:14",
        "spec.yaml:11:36",
        "spec.yaml:14:10",
        "spec.yaml:15:19",
        "spec.yaml:16:33",
    ]


def test_problems_of_relations_between_fields_are_reported(lines):
    text = changed(
        ("hidden_dim: 64", "hidden_dim: 60"), ("masked_lm: {mask_selection_rate: 0.15}", "")
    )
    text = text.replace("  topic: {type: classification, num_classes: 4}\n", "")
    assert lines(text + "data: {files: a, length: 600}") == [
        "spec.yaml:6:46: model.encoder.attention.num_heads: num_heads (8) must divide hidden_dim "
        "(60)",
        "spec.yaml:10:1: objectives: missing required field"
        if "objectives:" not in text
        else "spec.yaml:10:12: objectives: must have at least one item",
        "spec.yaml:16:26: data.length: must be at most 512, not 600",
    ]


def test_relations_are_checked_between_valid_fields(lines):
    text = changed(("steps: 100", "steps: 0"), ("hidden_dim: 64", "hidden_dim: 60"))
    assert lines(text) == [
        "spec.yaml:14:10: training.steps: must be at least 1, not 0",
        "spec.yaml:6:46: model.encoder.attention.num_heads: num_heads (8) must divide hidden_dim "
        "(60)",
    ]
    text = changed(("num_layers: 6", "num_layers: 0"), ("hidden_dim: 64", "hidden_dim: 60"))
    assert lines(text) == ["spec.yaml:5:17: model.encoder.num_layers: must be at least 1, not 0"]


def test_problem_of_an_anchor_is_reported_once(lines):
    assert len(lines(changed(("num_layers: 6", "num_layers: 0")))) == 1
    assert len(lines(changed(("num_layers: 6", "")))) == 1
    assert len(lines(changed(("num_heads: 8", "num_heds: 8")))) == 1


def test_two_missing_fields_are_reported_in_two_lines(lines):
    text = changed(("num_layers: 6", ""), ("attention: {type: multi_head, num_heads: 8}", ""))
    assert lines(text) == [
        "spec.yaml:4:3: model.encoder.attention: missing required field",
        "spec.yaml:4:3: model.encoder.num_layers: missing required field",
    ]


def test_misspelled_required_field_is_reported_once(lines):
    assert lines(changed(("model:", "modeel:"))) == [
        "spec.yaml:2:1: modeel: unknown field; did you mean 'model'?"
    ]


def test_problem_is_reported_in_the_source_that_contains_it(lines):
    base = changed(("num_layers: 6", "num_layers: 0"))
    child = "extends: base.yaml\nmodel:\n  hidden_dim: x\nobjectives:\n  topic: {num_clss: 3}"
    assert lines(child, "training.steps=-1", "training.batch=null", base=base) == [
        "spec.yaml:3:15: model.hidden_dim: must be an integer, not the text 'x'",
        "spec.yaml:5:11: objectives.topic.num_clss: unknown field; did you mean 'num_classes'?",
        "base.yaml:5:17: model.encoder.num_layers: must be at least 1, not 0",
        "--set training.steps=-1: training.steps: must be at least 1, not -1",
        "--set training.batch=null: training.batch: missing required field",
    ]


def test_missing_field_is_reported_in_the_file_and_not_in_the_option(lines):
    text = changed(("num_heads: 8", ""))
    assert lines(text, "model.encoder.attention.window=4", "model.decoder=null") == [
        "spec.yaml:6:5: model.encoder.attention.num_heads: missing required field"
    ]


def test_missing_field_of_a_new_type_is_reported_where_the_type_is_set(lines):
    option = "model.encoder.attention={type: grouped_query, num_heads: 8}"
    assert lines(SPEC, option) == [
        f"--set {option}: model.encoder.attention.num_key_value_heads: missing required field"
    ]


def test_layer_override_is_validated_at_its_line(lines):
    text = changed(
        (
            "dropout: 0.1",
            "overrides:\n"
            '    - {layers: "0::3", attention: {windov: 4, num_heads: x}}\n'
            '    - {layers: "0::3", attention: {type: grouped, num_heads: 8}}\n'
            "    - {layers: first, dropout: 2}\n"
            '    - {layers: "1:", attention: {num_heads: null}}\n'
            '    - {layers: "2:", attention: {window: null}, feed_forward: {activation: relu}}',
        ),
        ("*stack", "null"),
    )
    where = "model.encoder.overrides"
    assert lines(text) == [
        f"spec.yaml:9:36: {where}[0].attention.windov: unknown field; did you mean 'window'?",
        f"spec.yaml:9:58: {where}[0].attention.num_heads: must be an integer, not the text 'x'",
        f"spec.yaml:10:42: {where}[1].attention.type: must be one of multi_head, grouped_query, "
        "not 'grouped'; did you mean 'grouped_query'?",
        f"spec.yaml:11:16: {where}[2].layers: must match the pattern ^[0-9]*:[0-9]*(:[0-9]+)?$",
        f"spec.yaml:11:32: {where}[2].dropout: must be less than 1, not 2",
        f"spec.yaml:12:45: {where}[3].attention.num_heads: missing required field",
    ]


def test_keys_with_special_characters_are_quoted(lines):
    assert lines(SPEC + '"a.b": 1\n"": 2\n"x y": 3\n"c[0]": 4')[-4:] == [
        f"spec.yaml:{line}:1: {shown}: unknown field; the fields here are name, model, objectives, "
        "data, training"
        for line, shown in [(17, "'a.b'"), (18, "''"), (19, "'x y'"), (20, "'c[0]'")]
    ]


def test_unknown_key_with_the_name_of_a_type_is_reported(lines):
    text = changed(("num_heads: 8", "num_heads: 8, multi_head: {num_heads: x}"))
    assert lines(text) == [
        "spec.yaml:6:49: model.encoder.attention.multi_head: unknown field; "
        "did you mean 'num_heads'?"
    ]


def test_messages_do_not_mention_the_implementation(lines):
    text = changed(("name: toy", "name: [1]"), ("model:", "model: 4\nmodul:"), ("0.15", "{}"))
    for line in lines(text):
        assert not any(word in line for word in ("pydantic", "http", "Input", "MultiHead", "dict"))


class Single(Spec):
    """A field with a single variant, which requires its type."""

    part: Constant


def test_missing_type_of_a_single_variant_is_named(write):
    write(spec="part: {rate: 1}")
    with pytest.raises(SpecError) as error:
        validate_tree(read("spec.yaml"), Single)
    assert error.value.lines == [
        "spec.yaml:1:1: part.type: missing required field; it must be constant"
    ]


class ProblemsOfMissingPaths(Spec):
    """Relations whose problems have unusual paths."""

    part: Toy | None = None
    kind: Literal["a"] = "a"

    @classmethod
    def problems(cls, parts):
        yield Problem(("part", "no", "such", 3), "is missing")
        yield Problem(("kind", "below"), "has an invalid child")
        yield Problem((), "is invalid")


def test_problem_of_a_missing_path_has_the_position_of_its_nearest_parent(write):
    write(spec="kind: a\n")
    with pytest.raises(SpecError) as error:
        validate_tree(read("spec.yaml"), ProblemsOfMissingPaths)
    assert error.value.lines == [
        "spec.yaml:1:1: part.no.such[3]: is missing",
        "spec.yaml:1:1: is invalid",
        "spec.yaml:1:7: kind: has an invalid child",
    ]
    assert str(error.value) == "\n".join(error.value.lines)
    assert isinstance(error.value, UserError)


def test_single_choice_is_named_without_a_list(write):
    write(spec="kind: b\n")
    with pytest.raises(SpecError, match=r"^spec\.yaml:1:7: kind: must be a, not 'b'$"):
        validate_tree(
            read("spec.yaml"),
            Spec.__class__("Kind", (Spec,), {"__annotations__": {"kind": Literal["a"]}}),
        )
