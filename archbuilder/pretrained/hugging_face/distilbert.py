"""DistilBERT (Sanh et al., 2019): BERT without segments and pooler."""

from archbuilder.pretrained.hugging_face.architecture import HFArchitecture
from archbuilder.pretrained.hugging_face.bert import bert_names, bert_spec
from archbuilder.pretrained.hugging_face.fields import ACTIVATION, Constant, Equal, Field, stack
from archbuilder.pretrained.hugging_face.weight_names import WeightNames, add_prefixes, projections

_NORM = {"type": "layer_norm", "epsilon": 1e-12}
_ACTIVATIONS = ("encoder.feed_forward.activation", "heads.masked_lm.activation")

DISTILBERT = HFArchitecture(
    "distilbert",
    bert_spec(
        embeddings={"tie": "output", "num_segments": None, "norm": _NORM},
        encoder=stack("mlp", _NORM),
        pooler=None,
        initializer={"type": "truncated_normal", "stddev": 0.02},
        heads={"masked_lm": {"norm": _NORM}},
    ),
    (
        Equal("num_hidden_layers", "n_layers"),
        Field("vocab_size", "vocabulary_size"),
        Field("dim", "hidden_dim"),
        Field("n_layers", "encoder.num_layers"),
        Field("n_heads", "encoder.attention.num_heads"),
        Field("hidden_dim", "encoder.feed_forward.intermediate_dim"),
        Field("activation", _ACTIVATIONS, "gelu", ACTIVATION),
        Field("dropout", ("encoder.dropout", "embeddings.dropout"), 0.1),
        Field("attention_dropout", "encoder.attention.dropout", 0.1),
        Field("max_position_embeddings", "positions.max_sequence_length", 512),
        Constant("sinusoidal_pos_embds", False),
        Constant("tie_word_embeddings", True),
    ),
    WeightNames(
        {
            **bert_names("distilbert"),
            **add_prefixes(
                "encoder.layers.{i}",
                "distilbert.transformer.layer.{i}",
                {
                    **projections("attention", "q_lin k_lin v_lin out_lin", "attention.*"),
                    "attention.norm": "sa_layer_norm",
                    "feed_forward.intermediate": "ffn.lin1",
                    "feed_forward.output": "ffn.lin2",
                    "feed_forward.norm": "output_layer_norm",
                },
            ),
            "masked_lm.transform": "vocab_transform",
            "masked_lm.norm": "vocab_layer_norm",
            "masked_lm.bias": "vocab_projector",
        },
        "distilbert",
    ),
    {(): "DistilBertModel", ("masked_lm",): "DistilBertForMaskedLM"},
)
