"""Parameters of the catalogue at full size: the ledger's, the built model's and the oracle's."""

import gc

import pytest

from archbuilder.experiment import load
from archbuilder.shipped import shipped_specs
from tests.test_specs import PUBLISHED

pytestmark = pytest.mark.oracle

THEIRS = {
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
"""What has defaults, or a configuration of a few fields, that are the published ones."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_built_model_has_as_many_parameters_as_was_published(name):
    import keras

    model = load(shipped_specs() / f"{name}.yaml").build()
    assert model.count_params() == PUBLISHED[name]
    del model
    keras.backend.clear_session()
    gc.collect()


@pytest.mark.parametrize("name", THEIRS)
def test_the_oracle_has_as_many(name):
    import torch
    import transformers

    kind, config = THEIRS[name]
    model_class = getattr(transformers, kind)
    with torch.device("meta"):
        model = model_class(model_class.config_class(**config))
    model.tie_weights()
    assert sum(weight.numel() for weight in model.parameters()) == PUBLISHED[name]
