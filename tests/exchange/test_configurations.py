"""Tests of `config.json`: each is converted completely, or rejected with the unsupported field."""

import pytest

from archbuilder.errors import UserError
from archbuilder.exchange.export_model import config_of
from archbuilder.exchange.import_model import experiment_of, plain_spec
from archbuilder.experiment import load
from archbuilder.pretrained.hugging_face import ARCHITECTURES
from archbuilder.shipped import shipped_specs

GPT2 = {
    "model_type": "gpt2",
    "vocab_size": 50257,
    "n_positions": 1024,
    "n_ctx": 1024,
    "n_embd": 768,
    "n_layer": 12,
    "n_head": 12,
    "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-05,
    "bos_token_id": 50256,
    "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 50}},
}


def has_all(part):
    return True


def test_a_configuration_gives_the_published_model():
    assert experiment_of(GPT2, "gpt2", has_all).parameter_counter().total() == 124_439_808


@pytest.mark.parametrize(
    ("changed", "value"),
    [
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx=True"),
        ({"activation_function": "mish"}, "activation_function='mish'"),
        ({"some_new_field": 3}, "some_new_field=3"),
    ],
)
def test_unsupported_values_are_rejected_by_name(changed, value):
    with pytest.raises(UserError) as caught:
        plain_spec(GPT2 | changed, "gpt2", has_all)
    assert str(caught.value) == f"config.json: unsupported value {value}"


def test_an_unknown_architecture_is_rejected_with_the_supported_ones():
    with pytest.raises(UserError) as caught:
        plain_spec({"model_type": "mamba"}, "x", has_all)
    assert str(caught.value) == (
        "config.json: unsupported model_type 'mamba'; supported are "
        + ", ".join(architecture.model_type for architecture in ARCHITECTURES)
    )


BERT = {
    "model_type": "bert",
    "vocab_size": 50,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
}
LLAMA = BERT | {"model_type": "llama"}
T5 = {"model_type": "t5", "vocab_size": 50, "d_model": 8, "d_ff": 12, "num_layers": 1}
MODERNBERT = BERT | {"model_type": "modernbert"}
YARN = {"rope_type": "yarn", "factor": 2.0}


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        (GPT2 | {"num_hidden_layers": 3}, "num_hidden_layers=3"),
        (T5 | {"num_heads": 2, "dense_act_fn": "silu"}, "dense_act_fn='silu'"),
        (T5 | {"num_heads": 2, "is_gated_act": True}, "is_gated_act=True"),
        (LLAMA | {"rope_scaling": YARN}, "rope_parameters="),
        (LLAMA | {"rope_parameters": {"beta": 1}}, "rope_parameters="),
        (LLAMA | {"partial_rotary_factor": 0.5}, "partial_rotary_factor=0.5"),
        (MODERNBERT | {"layer_types": ["full_attention"]}, "layer_types=['full_attention']"),
        (BERT | {"hidden_act": ["gelu"]}, "hidden_act=['gelu']"),
        (BERT | {"is_decoder": True}, "is_decoder=True"),
    ],
)
def test_fields_that_change_outputs_are_never_ignored(fields, value):
    with pytest.raises(UserError) as caught:
        plain_spec(fields, "x", has_all)
    assert str(caught.value).startswith(f"config.json: unsupported value {value}")


def test_the_older_of_two_rotary_fields_has_priority():
    both = {
        "rope_scaling": {"rope_type": "linear", "factor": 2.0},
        "rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 5.0},
    }
    positions = plain_spec(LLAMA | both, "x", has_all)["model"]["decoder"]["attention"]["positions"]
    assert positions["scaling"]["factor"] == 2.0
    assert positions["max_wavelength"] == 1e4


@pytest.mark.parametrize(
    ("fields", "stack", "activation"),
    [(GPT2, "decoder", "gelu_tanh"), (LLAMA, "decoder", "silu"), (BERT, "encoder", "gelu")],
)
def test_a_missing_field_has_the_default_of_the_architecture(fields, stack, activation):
    without = {name: value for name, value in fields.items() if name != "activation_function"}
    model = plain_spec(without, "x", has_all)["model"]
    assert model[stack]["feed_forward"]["activation"] == activation


def test_a_body_without_heads_has_no_objectives():
    plain = plain_spec(LLAMA, "x", lambda part: part != "output")
    assert plain["objectives"] == {}


@pytest.mark.parametrize("model_type", [None, ["bert"], {"a": 1}, 5])
def test_an_invalid_model_type_is_rejected(model_type):
    with pytest.raises(UserError, match="unsupported model_type"):
        plain_spec(BERT | {"model_type": model_type}, "x", has_all)


@pytest.mark.parametrize(
    "changed",
    [{"n_layer": "two"}, {"n_embd": None}],
)
def test_an_incomplete_configuration_is_rejected(changed):
    with pytest.raises(UserError, match=r"config\.json: "):
        experiment_of(GPT2 | changed, "gpt2", has_all)


PUBLISHED = {
    "bert_base": "bert",
    "roberta_base": "roberta",
    "distilbert_base": "distilbert",
    "albert_base_v2": "albert",
    "electra_small": "electra",
    "modernbert_base": "modernbert",
    "t5_small": "t5",
    "t5_v1_1_small": "t5",
    "bart_base": "bart",
    "marian": "marian",
    "gpt2": "gpt2",
    "llama_like": "llama",
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_shipped_spec_gives_the_configuration_of_its_architecture(name):
    fields = config_of(load(shipped_specs() / f"{name}.yaml"))
    assert fields["model_type"] == PUBLISHED[name]
    assert len(fields["architectures"]) == 1


@pytest.mark.parametrize(
    ("name", "changed", "setting"),
    [
        ("bert_base", "model.encoder.norm_placement=pre", "model.encoder.norm_placement: pre"),
        ("bert_base", "model.encoder.norm.type=rms_norm", "model.encoder.norm.type: rms_norm"),
        ("bert_base", "objectives.masked_lm.activation=relu", "objectives.masked_lm.activation"),
        ("transformer_base", "name=x", "model.positions.layout: interleaved"),
        ("gpt2", "model.decoder.attention.num_key_value_heads=4", "num_key_value_heads: 4"),
        ("llama_like", "model.decoder.parallel=true", "model.decoder.parallel: true"),
    ],
)
def test_a_setting_without_a_config_field_is_rejected_with_its_path(name, changed, setting):
    experiment = load(shipped_specs() / f"{name}.yaml", [changed])
    with pytest.raises(UserError, match="the closest Hugging Face architecture, ") as caught:
        config_of(experiment)
    assert setting in str(caught.value)


def test_training_settings_do_not_prevent_an_export():
    options = ["model.encoder.stochastic_depth=0.1", "model.initializer.stddev=0.5"]
    assert config_of(load(shipped_specs() / "bert_base.yaml", options))["model_type"] == "bert"
