"""Every mistake at once, each at its place, once, in plain words."""

from typing import Annotated, Literal

import pytest
from pydantic import Field

from archbuilder.errors import UserError
from archbuilder.language import Problem, Spec, SpecError, read, validate_tree
from tests.language.toy import SPEC, Constant, Linear, Toy


def changed(*pairs):
    text = SPEC
    for old, new in pairs:
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


def test_a_sound_spec_is_an_instance(toy):
    assert toy().model.encoder.attention.num_heads == 8


ONE = {
    # unknown and missing fields
    ("num_heads: 8", "num_heds: 8"): "6:35: model.encoder.attention.num_heds: unknown field; "
    "did you mean 'num_heads'?",
    ("num_heads: 8", "num_heads: 8, size: 1"): "6:49: model.encoder.attention.size: unknown field; "
    "the fields here are type, num_heads, window",
    ("num_layers: 6", "dropot: 0.2\n    num_layers: 6"): "5:5: model.encoder.dropot: unknown "
    "field; did you mean 'dropout'?",
    ("num_layers: 6", "dropot: null\n    num_layers: 6"): "5:5: model.encoder.dropot: unknown "
    "field; did you mean 'dropout'?",
    ("name: toy", "extend: base.yaml\nname: toy"): "1:1: extend: unknown field; "
    "did you mean 'extends'?",
    ("num_heads: 8", ""): "6:5: model.encoder.attention.num_heads: missing required field",
    ("num_heads: 8", "num_heads: null"): "6:46: model.encoder.attention.num_heads: missing "
    "required field",
    ("num_heads: 8", "num_heads: "): "6:45: model.encoder.attention.num_heads: missing "
    "required field",
    ("hidden_dim: 64", ""): "2:1: model.hidden_dim: missing required field",
    ("name: toy", ""): "2:1: name: missing required field",
    # types
    ("num_heads: 8", "num_heads: four"): "6:46: model.encoder.attention.num_heads: must be an "
    "integer, not the text 'four'",
    ("hidden_dim: 64", "hidden_dim: 64.0"): "3:15: model.hidden_dim: must be an integer, not the "
    "number 64.0",
    ("hidden_dim: 64", "hidden_dim: '64'"): "3:15: model.hidden_dim: must be an integer, not the "
    "text '64'",
    ("hidden_dim: 64", "hidden_dim: 064"): "3:15: model.hidden_dim: must be an integer, not the "
    "text '064'",
    ("hidden_dim: 64", "hidden_dim: true"): "3:15: model.hidden_dim: must be an integer, not true",
    (
        "hidden_dim: 64",
        "hidden_dim: [64]",
    ): "3:15: model.hidden_dim: must be an integer, not a list",
    ("hidden_dim: 64", "hidden_dim:\n    - 64"): "3:3: model.hidden_dim: must be an integer, "
    "not a list",
    ("hidden_dim: 64", "hidden_dim: {a: 1}"): "3:15: model.hidden_dim: must be an integer, "
    "not a mapping",
    ("hidden_dim: 64", "hidden_dim: .inf"): "3:15: model.hidden_dim: must be an integer, not the "
    "number .inf",
    ("dropout: 0.1", "dropout: .nan"): "8:14: model.encoder.dropout: must be a finite number, not "
    "the number .nan",
    ("dropout: 0.1", "dropout: 1e999"): "8:14: model.encoder.dropout: must be a finite number, not "
    "the number 1e999",
    ("dropout: 0.1", "dropout: no"): "8:14: model.encoder.dropout: must be a number, not the text "
    "'no'",
    ("dropout: 0.1", "dropout: false"): "8:14: model.encoder.dropout: must be a number, not false",
    ("name: toy", "name: 5"): "1:7: name: must be text, not the number 5",
    ("decoder: *stack", "decoder: 5"): "9:12: model.decoder: must be a mapping, not the number 5",
    ("decoder: *stack", "decoder: [5]"): "9:12: model.decoder: must be a mapping, not a list",
    ("batch: {tokens: 4096}", "batch: many"): "15:10: training.batch: must be a mapping, not the "
    "text 'many'",
    ("{mask_selection_rate: 0.15}", "[]"): "11:14: objectives.masked_lm: must be a mapping, "
    "not a list",
    # bounds
    ("num_heads: 8", "num_heads: 0"): "6:46: model.encoder.attention.num_heads: must be at least "
    "1, not 0",
    ("dropout: 0.1", "dropout: 1"): "8:14: model.encoder.dropout: must be less than 1, not 1",
    (
        "dropout: 0.1",
        "dropout: -1e-3",
    ): "8:14: model.encoder.dropout: must be at least 0, not -1e-3",
    ("256", "20000"): "7:38: model.encoder.feed_forward.intermediate_dim: must be at most 10000, "
    "not 20000",
    ("256", "257"): "7:38: model.encoder.feed_forward.intermediate_dim: must be a multiple of 2, "
    "not 257",
    ("num_classes: 4", "num_classes: 1"): "12:46: objectives.topic.num_classes: must be at least "
    "2, not 1",
    # choices
    ("gelu", "rellu"): "7:55: model.encoder.feed_forward.activation: must be one of relu, gelu, "
    "not 'rellu'; did you mean 'relu'?",
    ("gelu", "5"): "7:55: model.encoder.feed_forward.activation: must be one of relu, gelu, not 5",
    ("multi_head", "multihead"): "6:23: model.encoder.attention.type: must be one of multi_head, "
    "grouped_query, not 'multihead'; did you mean 'multi_head'?",
    ("multi_head", "7"): "6:23: model.encoder.attention.type: must be one of multi_head, "
    "grouped_query, not 7",
    ("multi_head", "[a]"): "6:23: model.encoder.attention.type: must be one of multi_head, "
    "grouped_query, not a list",
    ("type: multi_head, ", ""): "6:5: model.encoder.attention.type: missing required field; it is "
    "one of multi_head, grouped_query",
    ("multi_head", "null"): "6:23: model.encoder.attention.type: missing required field; it is "
    "one of multi_head, grouped_query",
    ("type: multi_head", "typ: multi_head"): "6:17: model.encoder.attention.typ: unknown field; "
    "did you mean 'type'?",
    ("masked_lm", "maskd_lm"): "11:3: objectives.maskd_lm: unknown objective type 'maskd_lm'; "
    "did you mean 'masked_lm'?",
    ("type: classification, ", ""): "12:3: objectives.topic: unknown objective type 'topic'; "
    "write its type, one of masked_lm, classification",
    ("type: classification", "type: clasification"): "12:17: objectives.topic.type: must be one of "
    "masked_lm, classification, not 'clasification'; did you mean 'classification'?",
    # a number where a schedule may stand, and checks of authors
    ("1e-4", "0"): "16:18: training.learning_rate: must be more than 0, not 0",
    ("1e-4", "{type: linear, peak: 0}"): "16:39: training.learning_rate.peak: must be more than 0, "
    "not 0",
    ("1e-4", "fast"): "16:18: training.learning_rate: must be a mapping, not the text 'fast'",
    ("tokens: 4096", ""): "15:10: training.batch: write one of 'tokens' and 'examples'",
}


@pytest.mark.parametrize("change", ONE, ids=lambda change: f"{change[0][:14]}-{change[1][:20]}")
def test_one_mistake_is_one_line(change, lines):
    assert lines(changed(change)) == [f"spec.yaml:{ONE[change]}"]


DATA = {
    "files: 5": "17:15: data.files: must be text or a list, not the number 5",
    "files: {a: b}": "17:15: data.files: must be text or a list, not a mapping",
    "files: [a, 5]": "17:19: data.files[1]: must be text, not the number 5",
    "files: [a, null]": "17:19: data.files[1]: must be text, not null",
    "files: a, shape: [1]": "17:25: data.shape: must have 2 items, not 1",
    "files: a, shape: [1, 2, 3]": "17:25: data.shape: must have 2 items, not 3",
    "files: a, shape: [1, x]": "17:29: data.shape[1]: must be an integer, not the text 'x'",
    "files: a, lowercase: yes": "17:29: data.lowercase: must be true or false, not the text 'yes'",
    "files: a, pattern: ''": "17:27: data.pattern: must not be empty",
    "files: a, pattern: abcdef": "17:27: data.pattern: must have at most 5 characters",
    "files: '${NO_SUCH}/a'": "17:15: data.files: the environment variable NO_SUCH is not set",
    "files: [a, '${NO_SUCH}']": "17:19: data.files[1]: the environment variable NO_SUCH is not set",
    "files: ''": "17:15: data.files: must not be empty",
    "files: '${}'": "17:15: data.files: '${}' does not name an environment variable",
}


@pytest.mark.parametrize("settings", DATA)
def test_lists_paths_and_texts_have_their_sentences(settings, lines):
    assert lines(f"{SPEC}data: {{{settings}}}") == [f"spec.yaml:{DATA[settings]}"]


class Rates(Spec):
    """A number or a mapping, told apart by what is written."""

    rate: float | Annotated[Constant | Linear, Field(discriminator="type")] = 0.0
    part: Literal["auto"] | Linear | None = None


EITHER = {
    "rate: fast": "1:7: rate: must be a number or a mapping, not the text 'fast'",
    "rate: {type: linear, peak: 0}": "1:28: rate.peak: must be more than 0, not 0",
    "rate: {type: linear, peek: 1}": "1:22: rate.peek: unknown field; did you mean 'peak'?",
    "rate: {type: liner}": "1:14: rate.type: must be one of constant, linear, not 'liner'; "
    "did you mean 'linear'?",
    "rate: .inf": "1:7: rate: must be a finite number, not the number .inf",
    "part: atuo": "1:7: part: must be auto or a mapping, not the text 'atuo'; did you mean 'auto'?",
    "part: {type: linear}": "1:1: part.peak: missing required field",
    "RATE: 1": "1:1: RATE: unknown field; did you mean 'rate'?",
}


@pytest.mark.parametrize("text", EITHER)
def test_where_one_of_two_kinds_may_stand_there_is_one_mistake(text, write):
    write(spec=text)
    with pytest.raises(SpecError) as refused:
        validate_tree(read("spec.yaml"), Rates)
    assert refused.value.lines == [f"spec.yaml:{EITHER[text]}"]


def test_ten_mistakes_are_ten_lines_in_order(lines):
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


def test_three_mistakes_across_parts_are_three_lines(lines):
    text = changed(
        ("hidden_dim: 64", "hidden_dim: 60"), ("masked_lm: {mask_selection_rate: 0.15}", "")
    )
    text = text.replace("  topic: {type: classification, num_classes: 4}\n", "")
    assert lines(text + "data: {files: a, length: 600}") == [
        "spec.yaml:6:46: model.encoder.attention.num_heads: 8 heads do not divide hidden_dim 60",
        "spec.yaml:10:1: objectives: missing required field"
        if "objectives:" not in text
        else "spec.yaml:10:12: objectives: at least one objective is needed",
        "spec.yaml:16:26: data.length: 600 tokens are more than 512",
    ]


def test_checks_across_parts_run_on_the_parts_that_are_sound(lines):
    text = changed(("steps: 100", "steps: 0"), ("hidden_dim: 64", "hidden_dim: 60"))
    assert lines(text) == [
        "spec.yaml:14:10: training.steps: must be at least 1, not 0",
        "spec.yaml:6:46: model.encoder.attention.num_heads: 8 heads do not divide hidden_dim 60",
    ]
    text = changed(("num_layers: 6", "num_layers: 0"), ("hidden_dim: 64", "hidden_dim: 60"))
    assert lines(text) == ["spec.yaml:5:17: model.encoder.num_layers: must be at least 1, not 0"]


def test_a_mistake_behind_an_anchor_is_told_once(lines):
    assert len(lines(changed(("num_layers: 6", "num_layers: 0")))) == 1
    assert len(lines(changed(("num_layers: 6", "")))) == 1
    assert len(lines(changed(("num_heads: 8", "num_heds: 8")))) == 1


def test_two_missing_fields_of_one_mapping_are_two_lines(lines):
    text = changed(("num_layers: 6", ""), ("attention: {type: multi_head, num_heads: 8}", ""))
    assert lines(text) == [
        "spec.yaml:4:3: model.encoder.attention: missing required field",
        "spec.yaml:4:3: model.encoder.num_layers: missing required field",
    ]


def test_a_misspelled_required_part_is_one_mistake(lines):
    assert lines(changed(("model:", "modle:"))) == [
        "spec.yaml:2:1: modle: unknown field; did you mean 'model'?"
    ]


def test_a_mistake_is_told_in_the_file_that_made_it(lines):
    base = changed(("num_layers: 6", "num_layers: 0"))
    child = "extends: base.yaml\nmodel:\n  hidden_dim: x\nobjectives:\n  topic: {num_clases: 3}"
    assert lines(child, "training.steps=-1", "training.batch=null", base=base) == [
        "spec.yaml:3:15: model.hidden_dim: must be an integer, not the text 'x'",
        "spec.yaml:5:11: objectives.topic.num_clases: unknown field; did you mean 'num_classes'?",
        "base.yaml:5:17: model.encoder.num_layers: must be at least 1, not 0",
        "--set training.steps=-1: training.steps: must be at least 1, not -1",
        "--set training.batch=null: training.batch: missing required field",
    ]


def test_what_an_option_does_not_write_is_missing_where_the_file_lacks_it(lines):
    text = changed(("num_heads: 8", ""))
    assert lines(text, "model.encoder.attention.window=4", "model.decoder=null") == [
        "spec.yaml:6:5: model.encoder.attention.num_heads: missing required field"
    ]


def test_what_a_new_type_lacks_is_missing_where_the_type_was_changed(lines):
    option = "model.encoder.attention={type: grouped_query, num_heads: 8}"
    assert lines(SPEC, option) == [
        f"--set {option}: model.encoder.attention.num_key_value_heads: missing required field"
    ]


def test_a_change_to_some_layers_is_checked_at_its_line(lines):
    text = changed(
        (
            "dropout: 0.1",
            "overrides:\n"
            '    - {layers: "0::3", attention: {windo: 4, num_heads: x}}\n'
            '    - {layers: "0::3", attention: {type: grouped, num_heads: 8}}\n'
            "    - {layers: first, dropout: 2}\n"
            '    - {layers: "1:", attention: {num_heads: null}}\n'
            '    - {layers: "2:", attention: {window: null}, feed_forward: {activation: relu}}',
        ),
        ("*stack", "null"),
    )
    where = "model.encoder.overrides"
    assert lines(text) == [
        f"spec.yaml:9:36: {where}[0].attention.windo: unknown field; did you mean 'window'?",
        f"spec.yaml:9:57: {where}[0].attention.num_heads: must be an integer, not the text 'x'",
        f"spec.yaml:10:42: {where}[1].attention.type: must be one of multi_head, grouped_query, "
        "not 'grouped'; did you mean 'grouped_query'?",
        f"spec.yaml:11:16: {where}[2].layers: must match the pattern ^[0-9]*:[0-9]*(:[0-9]+)?$",
        f"spec.yaml:11:32: {where}[2].dropout: must be less than 1, not 2",
        f"spec.yaml:12:45: {where}[3].attention.num_heads: missing required field",
    ]


def test_keys_with_dots_quotes_and_brackets_are_found_and_shown_in_quotes(lines):
    assert lines(SPEC + '"a.b": 1\n"": 2\n"x y": 3\n"c[0]": 4')[-4:] == [
        f"spec.yaml:{line}:1: {shown}: unknown field; the fields here are name, model, objectives, "
        "data, training"
        for line, shown in [(17, "'a.b'"), (18, "''"), (19, "'x y'"), (20, "'c[0]'")]
    ]


def test_a_key_that_is_also_the_name_of_a_type_is_found(lines):
    text = changed(("num_heads: 8", "num_heads: 8, multi_head: {num_heads: x}"))
    assert lines(text) == [
        "spec.yaml:6:49: model.encoder.attention.multi_head: unknown field; "
        "did you mean 'num_heads'?"
    ]


def test_no_line_shows_how_specs_are_checked(lines):
    text = changed(("name: toy", "name: [1]"), ("model:", "model: 4\nmodul:"), ("0.15", "{}"))
    for line in lines(text):
        assert not any(word in line for word in ("pydantic", "http", "Input", "MultiHead", "dict"))


class Single(Spec):
    """A part of one variant so far, which is to be written all the same."""

    part: Constant


def test_the_type_of_a_single_variant_is_said_where_it_is_missing(write):
    write(spec="part: {rate: 1}")
    with pytest.raises(SpecError) as refused:
        validate_tree(read("spec.yaml"), Single)
    assert refused.value.lines == [
        "spec.yaml:1:1: part.type: missing required field; it is constant"
    ]


class Two(Spec):
    """Checks that point to several kinds of place."""

    part: Toy | None = None
    kind: Literal["a"] = "a"

    @classmethod
    def problems(cls, parts):
        yield Problem(("part", "no", "such", 3), "deep")
        yield Problem(("kind", "below"), "below a value")
        yield Problem((), "of all")


def test_a_path_that_is_not_written_has_the_place_of_its_nearest_ancestor(write):
    write(spec="kind: a\n")
    with pytest.raises(SpecError) as refused:
        validate_tree(read("spec.yaml"), Two)
    assert refused.value.lines == [
        "spec.yaml:1:1: part.no.such[3]: deep",
        "spec.yaml:1:1: of all",
        "spec.yaml:1:7: kind: below a value",
    ]
    assert str(refused.value) == "\n".join(refused.value.lines)
    assert isinstance(refused.value, UserError)


def test_one_possible_constant_is_told_by_itself(write):
    write(spec="kind: b\n")
    with pytest.raises(SpecError, match=r"^spec\.yaml:1:7: kind: must be a, not 'b'$"):
        validate_tree(
            read("spec.yaml"),
            Spec.__class__("Kind", (Spec,), {"__annotations__": {"kind": Literal["a"]}}),
        )
