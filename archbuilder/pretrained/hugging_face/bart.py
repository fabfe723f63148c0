"""BART (Lewis et al., 2020)."""

from typing import Any

from archbuilder.pretrained.hugging_face.architecture import HFArchitecture
from archbuilder.pretrained.hugging_face.fields import (
    ACTIVATION,
    Constant,
    Derived,
    Equal,
    Field,
    Row,
    Tree,
    Unused,
    both_stacks,
    stack,
    unwritten,
)
from archbuilder.pretrained.hugging_face.weight_names import WeightNames, add_prefixes, projections

_NORM = {"type": "layer_norm", "epsilon": 1e-5}


def bart_spec(**embeddings: Any) -> Tree:
    """Return the settings that models like BART share, except for positions."""
    stacks = dict.fromkeys(("encoder", "decoder"), stack("mlp", _NORM))
    return {
        "embeddings": {"tie": "all", **embeddings},
        **stacks,
        "heads": {"sequence_to_sequence": {}},
    }


def bart_fields() -> tuple[Row, ...]:
    """Return the fields of BART and of similar models."""
    activations = both_stacks("feed_forward.activation")
    return (
        *unwritten(encoder_layerdrop=0.0, decoder_layerdrop=0.0),
        *unwritten(normalize_before=False, add_final_layer_norm=False),
        Equal("num_hidden_layers", "encoder_layers"),
        Derived("embeddings.output_bias", lambda config, spec: config.has_weights("output.bias")),
        Unused("is_encoder_decoder", True),
        Field("vocab_size", "vocabulary_size"),
        Field("d_model", "hidden_dim"),
        Field("activation_function", activations, "gelu", ACTIVATION),
        Field("dropout", (*both_stacks("dropout"), "embeddings.dropout"), 0.1),
        Field("attention_dropout", both_stacks("attention.dropout"), 0.0),
        Field("activation_dropout", both_stacks("feed_forward.dropout"), 0.0),
        Field("scale_embedding", "embeddings.scale", False),
        Constant("tie_word_embeddings", True),
        *_stack_fields("encoder"),
        *_stack_fields("decoder"),
    )


def _stack_fields(stack_name: str) -> tuple[Row, ...]:
    return (
        Field(f"{stack_name}_layers", f"{stack_name}.num_layers"),
        Field(f"{stack_name}_attention_heads", f"{stack_name}.attention.num_heads"),
        Field(f"{stack_name}_ffn_dim", f"{stack_name}.feed_forward.intermediate_dim"),
    )


def bart_weight_names(computed: str = "") -> WeightNames:
    """Return the weight names of BART.

    Args:
        computed: Suffix of the names of weights that are computed from the spec. Default: none.
    """
    names = {
        "embeddings.tokens": "model.shared",
        **_stack_names("encoder", ""),
        **_stack_names("decoder", "decoder_"),
        "output.bias": "=final_logits_bias",
    }
    return WeightNames(names, "model", computed=computed)


def _stack_names(stack_name: str, prefix: str) -> dict[str, str]:
    roles = "q_proj k_proj v_proj out_proj"
    layer = {
        **projections("attention", roles, "self_attn.*"),
        "attention.norm": "self_attn_layer_norm",
        **projections("cross_attention", roles, "encoder_attn.*"),
        "cross_attention.norm": "encoder_attn_layer_norm",
        "feed_forward.intermediate": "fc1",
        "feed_forward.output": "fc2",
        "feed_forward.norm": "final_layer_norm",
    }
    return {
        f"{prefix}positions": f"model.{stack_name}.embed_positions",
        f"{prefix}embeddings.norm": f"model.{stack_name}.layernorm_embedding",
        **add_prefixes(f"{stack_name}.layers.{{i}}", f"model.{stack_name}.layers.{{i}}", layer),
    }


BART = HFArchitecture(
    "bart",
    bart_spec(norm=_NORM) | {"positions": {"type": "learned", "offset": 2}},
    (
        *unwritten(normalize_embedding=True),
        *bart_fields(),
        Field("max_position_embeddings", "positions.max_sequence_length", 1024, absent=None),
    ),
    bart_weight_names(),
    {("sequence_to_sequence",): "BartForConditionalGeneration"},
)
