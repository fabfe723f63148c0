"""GPT-2 (Radford et al., 2019)."""

from archbuilder.pretrained.hugging_face.architecture import HFArchitecture
from archbuilder.pretrained.hugging_face.fields import (
    ACTIVATION,
    Equal,
    Field,
    TiedOutput,
    stack,
    unwritten,
)
from archbuilder.pretrained.hugging_face.weight_names import WeightNames, add_prefixes, projections

GPT2 = HFArchitecture(
    "gpt2",
    {
        "positions": {"type": "learned"},
        "decoder": stack("mlp", {"type": "layer_norm"}, norm_placement="pre"),
        "heads": {"causal_lm": {}},
    },
    (
        *unwritten(scale_attn_weights=True, scale_attn_by_inverse_layer_idx=False),
        *unwritten(reorder_and_upcast_attn=False, add_cross_attention=False),
        Equal("num_hidden_layers", "n_layer"),
        Field("vocab_size", "vocabulary_size"),
        Field("n_embd", "hidden_dim"),
        Field("n_layer", "decoder.num_layers"),
        Field("n_head", "decoder.attention.num_heads"),
        Field(
            "n_inner",
            "decoder.feed_forward.intermediate_dim",
            lambda config: 4 * config.get("n_embd"),
        ),
        Field("n_positions", "positions.max_sequence_length", 1024, absent=None),
        Field("activation_function", "decoder.feed_forward.activation", "gelu_new", ACTIVATION),
        Field("embd_pdrop", "embeddings.dropout", 0.1),
        Field("attn_pdrop", "decoder.attention.dropout", 0.1),
        Field("resid_pdrop", "decoder.dropout", 0.1),
        Field("layer_norm_epsilon", "decoder.norm.epsilon", 1e-5),
        TiedOutput(default=True),
    ),
    WeightNames(
        {
            "embeddings.tokens": "transformer.wte",
            "positions": "transformer.wpe",
            **add_prefixes(
                "decoder.layers.{i}",
                "transformer.h.{i}",
                {
                    **projections(
                        "attention", "c_attn[0/3] c_attn[1/3] c_attn[2/3] c_proj", "attn.*"
                    ),
                    "attention.norm": "ln_1",
                    "feed_forward.intermediate": "mlp.c_fc",
                    "feed_forward.output": "mlp.c_proj",
                    "feed_forward.norm": "ln_2",
                },
            ),
            "decoder.final_norm": "transformer.ln_f",
            "output": "lm_head",
        },
        "transformer",
        inputs_first=True,
    ),
    {("causal_lm",): "GPT2LMHeadModel"},
)
