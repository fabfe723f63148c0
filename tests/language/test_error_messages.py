"""Messages name the expected value and the actual value, in one line per problem."""

from typing import Annotated, Literal

import pytest
from pydantic import Field

from archbuilder.language import Spec, SpecError, read, validate_tree
from tests.language.toy import SPEC, Constant, Linear, changed

SINGLE_PROBLEMS = {
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
    (
        "type: multi_head, ",
        "",
    ): "6:5: model.encoder.attention.type: missing required field; it must be "
    "one of multi_head, grouped_query",
    (
        "multi_head",
        "null",
    ): "6:23: model.encoder.attention.type: missing required field; it must be "
    "one of multi_head, grouped_query",
    ("type: multi_head", "typ: multi_head"): "6:17: model.encoder.attention.typ: unknown field; "
    "did you mean 'type'?",
    ("masked_lm", "maskd_lm"): "11:3: objectives.maskd_lm: unknown objective type 'maskd_lm'; "
    "did you mean 'masked_lm'?",
    ("type: classification, ", ""): "12:3: objectives.topic: unknown objective type 'topic'; "
    "set its type to one of masked_lm, classification",
    ("type: classification", "type: classificat"): "12:17: objectives.topic.type: must be one of "
    "masked_lm, classification, not 'classificat'; did you mean 'classification'?",
    # schedules, which can also be numbers, and validators of spec classes
    ("1e-4", "0"): "16:18: training.learning_rate: must be more than 0, not 0",
    ("1e-4", "{type: linear, peak: 0}"): "16:39: training.learning_rate.peak: must be more than 0, "
    "not 0",
    ("1e-4", "fast"): "16:18: training.learning_rate: must be a mapping, not the text 'fast'",
    ("tokens: 4096", ""): "15:10: training.batch: write one of 'tokens' and 'examples'",
}


@pytest.mark.parametrize(
    "change", SINGLE_PROBLEMS, ids=lambda change: f"{change[0][:14]}-{change[1][:20]}"
)
def test_single_problem_is_reported_in_one_line(change, lines):
    assert lines(changed(change)) == [f"spec.yaml:{SINGLE_PROBLEMS[change]}"]


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
def test_problems_of_lists_paths_and_texts_are_described(settings, lines):
    assert lines(f"{SPEC}data: {{{settings}}}") == [f"spec.yaml:{DATA[settings]}"]


class Rates(Spec):
    """Unions of a number or a text with a mapping."""

    rate: float | Annotated[Constant | Linear, Field(discriminator="type")] = 0.0
    part: Literal["auto"] | Linear | None = None


UNION_PROBLEMS = {
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


@pytest.mark.parametrize("text", UNION_PROBLEMS)
def test_problem_of_a_union_is_reported_in_one_line(text, write):
    write(spec=text)
    with pytest.raises(SpecError) as error:
        validate_tree(read("spec.yaml"), Rates)
    assert error.value.lines == [f"spec.yaml:{UNION_PROBLEMS[text]}"]
