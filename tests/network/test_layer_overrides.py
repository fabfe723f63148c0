"""Overrides of layers: which layers they select, their settings, and the lines of errors."""

import pytest

from archbuilder.experiment import load
from archbuilder.language import SpecError
from archbuilder.network.layer_overrides import overrides_per_layer

SPEC = """\
name: ranges
model:
  hidden_dim: 8
  vocabulary_size: 23
  embeddings: {tie: output}
  positions: {type: none}
  encoder:
    num_layers: 6
    attention: {type: multi_head, num_heads: 2, sliding_window_size: 4, positions: {type: rotary}}
    feed_forward: {type: mlp, intermediate_dim: 12, activation: relu}
    norm: {type: layer_norm}
    dropout: 0.1
    overrides:
"""


@pytest.fixture
def read(tmp_path):
    def read(*changes, **more):
        lines = [*(f"      - {change}" for change in changes), "objectives: {masked_lm: {}}"]
        path = tmp_path / "spec.yaml"
        path.write_text(SPEC + "\n".join(lines) + "\n")
        return load(path, [f"model.encoder.{name}={value}" for name, value in more.items()])

    return read


@pytest.fixture
def problems(read, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def problems(*changes, **more):
        with pytest.raises(SpecError) as caught:
            read(*changes, **more)
        return [line.replace(f"{tmp_path}/", "") for line in caught.value.lines]

    return problems


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("0::3", [0, 3]),
        ("2:4", [2, 3]),
        (":-4", [0, 1]),
        ("-1", [5]),
        ("3", [3]),
        ("::-2", [1, 3, 5]),
        ("9", []),
        ("-7", []),
    ],
)
def test_layers_are_selected_by_an_index_or_a_slice_as_in_python(text, layers):
    per_layer = overrides_per_layer(({"layers": text},), 6)
    assert [layer for layer, overrides in enumerate(per_layer) if overrides] == layers


def test_later_overrides_win_and_null_removes_a_setting(read):
    experiment = read(
        "{layers: '::2', attention: {sliding_window_size: null}, dropout: 0.2}",
        "{layers: '4:', dropout: null, attention: {positions: {max_wavelength: 100}}}",
    )
    layers = experiment.model.encoder.layers
    assert [layer.attention.sliding_window_size for layer in layers] == [None, 4, None, 4, None, 4]
    assert [layer.dropout for layer in layers] == [0.2, 0.1, 0.2, 0.1, 0.0, 0.0]
    assert [layer.attention.positions.max_wavelength for layer in layers] == [1e4] * 4 + [100] * 2
    assert {layer.feed_forward.intermediate_dim for layer in layers} == {12}


def test_another_type_discards_the_old_settings_of_a_section(read):
    experiment = read(
        "{layers: '0', feed_forward: {type: gated, intermediate_dim: 4, activation: silu}}",
        "{layers: '0:2', feed_forward: {use_bias: false}}",
    )
    first, second, *_ = experiment.model.encoder.layers
    assert (first.feed_forward.type, first.feed_forward.use_bias) == ("gated", False)
    assert (second.feed_forward.type, second.feed_forward.use_bias) == ("mlp", False)


def test_errors_are_reported_at_the_lines_of_overrides(problems):
    lines = problems(
        "{layers: '0', attention: {num_heds: 4}}",
        "{layers: '1', feed_forward: {type: gated}}",
        "{layers: 'all', dropout: 2}",
        "{num_layers: 3}",
    )
    path = "model.encoder.overrides"
    assert [line.partition(": ")[2] for line in lines] == [
        f"{path}[0].attention.num_heds: unknown field; did you mean 'num_heads'?",
        f"{path}[1].feed_forward.intermediate_dim: missing required field",
        f"{path}[1].feed_forward.activation: missing required field; it must be one of relu, "
        "squared_relu, gelu, gelu_tanh, silu, sigmoid, tanh",
        f"{path}[2].layers: must be the index of a layer or a slice, such as '3' or '0::3'",
        f"{path}[2].dropout: must be less than 1, not 2",
        f"{path}[3].num_layers: unknown field; did you mean 'layers'?",
    ]
    assert [line.split(":")[1] for line in lines] == ["14", "15", "15", "16", "16", "17"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            "{layers: '2', attention: {num_heads: 3}}",
            "overrides[0].attention.num_heads: num_heads (3) must divide hidden_dim (8)",
        ),
        (
            "{layers: '2', attention: {key_dim: 3}}",
            "overrides[0].attention.positions: rotates 3 of 3 channels per head; the number "
            "must be even",
        ),
        ("{layers: '6:', dropout: 0.5}", "overrides[0].layers: selects none of the 6 layers"),
        ("{layers: '3'}", "overrides[0]: changes no setting; remove it"),
        (
            "{layers: '3', residual_scaling: {type: deep_norm}, norm_placement: pre}",
            "overrides[0].residual_scaling.type: deep_norm needs norm_placement: post",
        ),
    ],
)
def test_a_problem_of_a_layer_is_reported_at_its_override(problems, change, sentence):
    (line,) = problems(change)
    assert line.startswith("spec.yaml:14:")
    assert line.partition("model.encoder.")[2] == sentence


def test_layers_that_share_weights_must_be_equal(problems):
    (line,) = problems("{layers: '0', dropout: 0.5}", num_layer_groups=2)
    assert "layers 0 to 2 share their weights and must have equal settings" in line


def test_groups_of_layers_must_have_equal_size(problems):
    (line,) = problems("{layers: '::', dropout: 0.5}", num_layer_groups=4)
    assert "num_layer_groups (4) must divide num_layers (6)" in line
