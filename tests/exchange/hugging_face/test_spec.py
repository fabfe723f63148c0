"""Configurations are read and written whole, or refused by the name of what cannot be said."""

import pytest

from archbuilder.exchange.hugging_face.kinds import KINDS
from archbuilder.exchange.hugging_face.spec import config_of, experiment_of, spec_of
from archbuilder.experiment import load
from archbuilder.language import shipped_specs
from archbuilder.mistake import UserMistake

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


def everything(part):
    return True


def test_a_configuration_becomes_the_published_model():
    assert experiment_of(GPT2, "gpt2", everything).ledger().total() == 124_439_808


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx: True"),
        ({"activation_function": "mish"}, "activation_function: 'mish'"),
        ({"some_new_field": 3}, "some_new_field: 3"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(changed, sentence):
    with pytest.raises(UserMistake) as caught:
        spec_of(GPT2 | changed, "gpt2", everything)
    assert str(caught.value) == f"config.json: {sentence} cannot be said in a spec"


def test_an_unknown_architecture_is_refused_with_those_that_are_known():
    with pytest.raises(UserMistake) as caught:
        spec_of({"model_type": "mamba"}, "x", everything)
    assert str(caught.value) == (
        "config.json: model_type 'mamba' is not known; there are " + ", ".join(KINDS)
    )


@pytest.mark.parametrize("changed", [{"n_layer": "two"}, {"n_embd": None}])
def test_a_configuration_that_is_not_whole_is_refused(changed):
    with pytest.raises(UserMistake, match=r"config\.json: "):
        experiment_of(GPT2 | changed, "gpt2", everything)


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
def test_a_shipped_spec_becomes_the_configuration_of_its_architecture(name):
    fields = config_of(load(shipped_specs() / f"{name}.yaml"))
    assert fields["model_type"] == PUBLISHED[name]
    assert len(fields["architectures"]) == 1


@pytest.mark.parametrize(
    ("name", "changed", "sentence"),
    [
        ("bert_base", "model.encoder.norm_placement=pre", "model.encoder.norm_placement: pre"),
        ("bert_base", "model.encoder.norm.type=rms_norm", "model.encoder.norm.type: rms_norm"),
        ("bert_base", "objectives.masked_lm.activation=relu", "objectives.masked_lm.activation"),
        ("transformer_base", "name=x", "model.positions.layout: interleaved"),
        ("gpt2", "model.decoder.attention.num_key_value_heads=4", "num_key_value_heads: 4"),
        ("llama_like", "model.decoder.parallel=true", "model.decoder.parallel: true"),
    ],
)
def test_what_a_configuration_cannot_say_is_refused_at_its_place(name, changed, sentence):
    experiment = load(shipped_specs() / f"{name}.yaml", [changed])
    with pytest.raises(UserMistake, match="closest to this model is") as caught:
        config_of(experiment)
    assert sentence in str(caught.value)


def test_what_only_training_knows_does_not_stand_in_the_way():
    options = ["model.encoder.stochastic_depth=0.1", "model.initializer.stddev=0.5"]
    assert config_of(load(shipped_specs() / "bert_base.yaml", options))["model_type"] == "bert"
