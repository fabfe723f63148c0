"""Layers that differ: which a range means, what they become, and where a mistake is told."""

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
def test_a_range_is_a_slice_as_python_writes_it(text, layers):
    found = overrides_per_layer(({"layers": text},), 6)
    assert [index for index, numbers in enumerate(found) if numbers] == layers


def test_the_later_change_goes_over_the_earlier_and_a_null_takes_away(read):
    experiment = read(
        "{layers: '::2', attention: {sliding_window_size: null}, dropout: 0.2}",
        "{layers: '4:', dropout: null, attention: {positions: {max_wavelength: 100}}}",
    )
    layers = experiment.model.encoder.layers
    assert [layer.attention.sliding_window_size for layer in layers] == [None, 4, None, 4, None, 4]
    assert [layer.dropout for layer in layers] == [0.2, 0.1, 0.2, 0.1, 0.0, 0.0]
    assert [layer.attention.positions.max_wavelength for layer in layers] == [1e4] * 4 + [100] * 2
    assert {layer.feed_forward.intermediate_dim for layer in layers} == {12}


def test_a_change_of_type_starts_that_part_afresh(read):
    experiment = read(
        "{layers: '0', feed_forward: {type: gated, intermediate_dim: 4, activation: silu}}",
        "{layers: '0:2', feed_forward: {use_bias: false}}",
    )
    first, second, *_ = experiment.model.encoder.layers
    assert (first.feed_forward.type, first.feed_forward.use_bias) == ("gated", False)
    assert (second.feed_forward.type, second.feed_forward.use_bias) == ("mlp", False)


def test_mistakes_are_told_at_the_changes_lines(problems):
    found = problems(
        "{layers: '0', attention: {num_heds: 4}}",
        "{layers: '1', feed_forward: {type: gated}}",
        "{layers: 'all', dropout: 2}",
        "{num_layers: 3}",
    )
    where = "model.encoder.overrides"
    assert [line.partition(": ")[2] for line in found] == [
        f"{where}[0].attention.num_heds: unknown field; did you mean 'num_heads'?",
        f"{where}[1].feed_forward.intermediate_dim: missing required field",
        f"{where}[1].feed_forward.activation: missing required field; it is one of relu, "
        "squared_relu, gelu, gelu_tanh, silu, sigmoid, tanh",
        f"{where}[2].layers: must be the index of a layer or a slice, such as '3' or '0::3'",
        f"{where}[2].dropout: must be less than 1, not 2",
        f"{where}[3].num_layers: unknown field; did you mean 'layers'?",
    ]
    assert [line.split(":")[1] for line in found] == ["14", "15", "15", "16", "16", "17"]


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
def test_what_does_not_fit_together_in_a_layer_is_told_at_its_change(problems, change, sentence):
    (found,) = problems(change)
    assert found.startswith("spec.yaml:14:")
    assert found.partition("model.encoder.")[2] == sentence


def test_layers_that_share_their_weights_cannot_differ(problems):
    (found,) = problems("{layers: '0', dropout: 0.5}", num_layer_groups=2)
    assert "layers 0 to 2 share their weights and must be equal" in found


def test_groups_have_equal_size(problems):
    (found,) = problems("{layers: '::', dropout: 0.5}", num_layer_groups=4)
    assert "num_layer_groups (4) must divide num_layers (6)" in found
