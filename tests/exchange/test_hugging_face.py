"""A configuration is read whole or refused by the name of what cannot be said."""

import pytest

from archbuilder.exchange.hugging_face.spec import READERS, spec_of
from archbuilder.experiment import Experiment
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


def test_a_configuration_becomes_the_published_model():
    experiment = Experiment.model_validate(spec_of(GPT2, "gpt2"))
    assert experiment.ledger().total() == 124_439_808
    mistakes = Experiment.mistakes({"model": experiment.model, "objectives": experiment.objectives})
    assert list(mistakes) == []


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
        spec_of(GPT2 | changed, "gpt2")
    assert str(caught.value) == f"config.json: {sentence} cannot be said in a spec"


def test_an_unknown_architecture_is_refused_with_those_that_are_known():
    with pytest.raises(UserMistake) as caught:
        spec_of({"model_type": "mamba"}, "x")
    assert str(caught.value) == (
        "config.json: model_type 'mamba' is not known; there are " + ", ".join(READERS)
    )
