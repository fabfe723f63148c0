"""ALBERT (Lan et al., 2020): BERT with shared layers and a narrow token table."""

from archbuilder.pretrained.hugging_face.architecture import HFArchitecture
from archbuilder.pretrained.hugging_face.bert import bert_fields, bert_names, bert_spec
from archbuilder.pretrained.hugging_face.fields import Constant, Field, unwritten
from archbuilder.pretrained.hugging_face.weight_names import WeightNames, add_prefixes, projections

ALBERT = HFArchitecture(
    "albert",
    bert_spec("sentence_order", pooler={"type": "first_token"}),
    (
        *bert_fields(activation="gelu_new"),
        Field("embedding_size", "embeddings.embedding_dim", 128),
        Field("num_hidden_groups", "encoder.num_layer_groups", 1),
        Constant("inner_group_num", 1),
        *unwritten(down_scale_factor=1),
    ),
    WeightNames(
        {
            **bert_names("albert"),
            "pooler": "albert.pooler",
            "sentence_order": "sop_classifier.classifier",
            "embeddings.projection": "albert.encoder.embedding_hidden_mapping_in",
            **add_prefixes(
                "encoder.layers.{i}",
                "albert.encoder.albert_layer_groups.{i}.albert_layers.0",
                {
                    **projections("attention", "query key value dense", "attention.*"),
                    "attention.norm": "attention.LayerNorm",
                    "feed_forward.intermediate": "ffn",
                    "feed_forward.output": "ffn_output",
                    "feed_forward.norm": "full_layer_layer_norm",
                },
            ),
            "masked_lm.transform": "predictions.dense",
            "masked_lm.norm": "predictions.LayerNorm",
            "masked_lm.bias": "predictions",
        },
        "albert",
    ),
    {
        (): "AlbertModel",
        ("masked_lm",): "AlbertForMaskedLM",
        ("masked_lm", "sentence_order"): "AlbertForPreTraining",
    },
)
