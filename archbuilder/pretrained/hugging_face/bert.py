"""BERT (Devlin et al., 2018)."""

from typing import Any

from archbuilder.pretrained.hugging_face.architecture import HFArchitecture
from archbuilder.pretrained.hugging_face.fields import (
    ACTIVATION,
    Constant,
    Conversion,
    Derived,
    Field,
    Row,
    Tree,
    stack,
    unwritten,
)
from archbuilder.pretrained.hugging_face.weight_names import WeightNames, add_prefixes, projections


def bert_spec(*heads: str, **model: Any) -> Tree:
    """Return the settings that encoders like BERT share.

    Args:
        *heads: The types of the heads besides the masked language model.
        **model: Settings of the model that are replaced or added.
    """
    return {
        "embeddings": {"tie": "output", "norm": {"type": "layer_norm"}},
        "positions": {"type": "learned", "offset": 0},
        "encoder": stack("mlp", {"type": "layer_norm"}),
        "initializer": {"type": "truncated_normal"},
        "heads": {"masked_lm": {"norm": {"type": "layer_norm"}}} | {name: {} for name in heads},
    } | model


def bert_fields(activation: str = "gelu") -> tuple[Row, ...]:
    """Return the fields of BERT and of similar encoders.

    Args:
        activation: The default of `hidden_act`.
    """
    norms = ("encoder.norm", "embeddings.norm", "heads.masked_lm.norm")
    activations = ("encoder.feed_forward.activation", "heads.masked_lm.activation")
    return (
        *unwritten(is_decoder=False, add_cross_attention=False, position_embedding_type="absolute"),
        Field("vocab_size", "vocabulary_size"),
        Field("hidden_size", "hidden_dim"),
        Field("num_hidden_layers", "encoder.num_layers"),
        Field("num_attention_heads", "encoder.attention.num_heads"),
        Field("intermediate_size", "encoder.feed_forward.intermediate_dim"),
        Field("hidden_act", activations, activation, ACTIVATION),
        Field("hidden_dropout_prob", ("encoder.dropout", "embeddings.dropout"), 0.1),
        Field("attention_probs_dropout_prob", "encoder.attention.dropout", 0.1),
        Field("max_position_embeddings", "positions.max_sequence_length", 512),
        Field("type_vocab_size", "embeddings.num_segments", 2, _SEGMENTS),
        Field("layer_norm_eps", tuple(f"{norm}.epsilon" for norm in norms), 1e-12),
        Constant("tie_word_embeddings", True),
        Derived("initializer.stddev", lambda config, spec: config.get("initializer_range") or 0.02),
    )


_SEGMENTS = Conversion(write=lambda num_segments: num_segments or 1)


def bert_names(body: str) -> dict[str, str]:
    """Return the weight names of BERT without its heads.

    Args:
        body: The name of the PyTorch module with these weights.
    """
    layer = {
        **projections("attention", "self.query self.key self.value output.dense", "attention.*"),
        "attention.norm": "attention.output.LayerNorm",
        "feed_forward.intermediate": "intermediate.dense",
        "feed_forward.output": "output.dense",
        "feed_forward.norm": "output.LayerNorm",
    }
    return {
        "embeddings.tokens": f"{body}.embeddings.word_embeddings",
        "embeddings.segments": f"{body}.embeddings.token_type_embeddings",
        "positions": f"{body}.embeddings.position_embeddings",
        "embeddings.norm": f"{body}.embeddings.LayerNorm",
        **add_prefixes("encoder.layers.{i}", f"{body}.encoder.layer.{{i}}", layer),
        "pooler": f"{body}.pooler.dense",
    }


BERT = HFArchitecture(
    "bert",
    bert_spec("next_sentence", pooler={"type": "first_token"}),
    bert_fields(),
    WeightNames(
        {
            **bert_names("bert"),
            "masked_lm.transform": "cls.predictions.transform.dense",
            "masked_lm.norm": "cls.predictions.transform.LayerNorm",
            "masked_lm.bias": "cls.predictions",
            "next_sentence": "cls.seq_relationship",
        },
        "bert",
    ),
    {
        (): "BertModel",
        ("masked_lm",): "BertForMaskedLM",
        ("masked_lm", "next_sentence"): "BertForPreTraining",
        ("next_sentence",): "BertForNextSentencePrediction",
    },
)
