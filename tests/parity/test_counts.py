"""Numbers of parameters of the shipped specs: Keras models and `transformers` models."""

import gc

import pytest

from archbuilder.experiment import load
from archbuilder.shipped import shipped_specs
from tests.test_specs import PUBLISHED

pytestmark = pytest.mark.oracle

REFERENCES = {
    "roberta_base": ("RobertaForMaskedLM", {"max_position_embeddings": 514, "type_vocab_size": 1}),
    "distilbert_base": ("DistilBertForMaskedLM", {}),
    "albert_base_v2": (
        "AlbertForMaskedLM",
        {"hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072},
    ),
    "electra_small": ("ElectraForPreTraining", {}),
    "modernbert_base": ("ModernBertForMaskedLM", {}),
    "t5_small": ("T5ForConditionalGeneration", {}),
    "bart_base": (
        "BartForConditionalGeneration",
        {"d_model": 768, "encoder_layers": 6, "decoder_layers": 6}
        | {"encoder_attention_heads": 12, "decoder_attention_heads": 12}
        | {"encoder_ffn_dim": 3072, "decoder_ffn_dim": 3072},
    ),
    "gpt2": ("GPT2LMHeadModel", {}),
    "llama_like": (
        "LlamaForCausalLM",
        {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12}
        | {"num_attention_heads": 12, "num_key_value_heads": 4, "vocab_size": 32000},
    ),
}
"""`transformers` classes, and the fields whose published values differ from the defaults."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_keras_model_has_the_published_number_of_parameters(name):
    import keras

    model = load(shipped_specs() / f"{name}.yaml").build()
    assert model.count_params() == PUBLISHED[name]
    del model
    keras.backend.clear_session()
    gc.collect()


@pytest.mark.parametrize("name", REFERENCES)
def test_the_transformers_model_has_the_published_number_of_parameters(name):
    import torch
    import transformers

    class_name, config = REFERENCES[name]
    model_class = getattr(transformers, class_name)
    with torch.device("meta"):
        model = model_class(model_class.config_class(**config))
    model.tie_weights()
    assert sum(weight.numel() for weight in model.parameters()) == PUBLISHED[name]
