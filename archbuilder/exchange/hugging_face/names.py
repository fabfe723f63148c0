"""What our layers are called in the files of each architecture, by its `model_type`.

A table goes from our layer's name to their module's; `{i}` is a layer's number in its stack. Where
they keep several of our matrices in one, `[k/n]` says which of `n` equal parts is ours. `=` stands
before the whole name of a weight that is none of a module, and is there, of zeros, where it is not
used.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """The table of an architecture, and how its files are besides."""

    names: dict[str, str]
    body: str = ""
    """What the names of a model with a head begin with where they are not the head's."""
    inputs_first: bool = False
    """Whether matrices of layers are kept [inputs, outputs] as ours."""


def _under(ours: str, theirs: str, names: dict[str, str]) -> dict[str, str]:
    return {f"{ours}.{our}": f"{theirs}.{their}" for our, their in names.items()}


def _same(ours: str, roles: str, theirs: str) -> dict[str, str]:
    """The four projections of attention; `theirs` has a `*` where each one's name stands."""
    names = zip(("query", "key", "value", "output"), roles.split(), strict=True)
    return {f"{ours}.{role}": theirs.replace("*", name) for role, name in names}


_BERT_LAYER = {
    **_same("attention", "self.query self.key self.value output.dense", "attention.*"),
    "attention.norm": "attention.output.LayerNorm",
    "feed_forward.intermediate": "intermediate.dense",
    "feed_forward.output": "output.dense",
    "feed_forward.norm": "output.LayerNorm",
}


def _bert(prefix: str) -> dict[str, str]:
    return {
        "embeddings.tokens": f"{prefix}.embeddings.word_embeddings",
        "embeddings.segments": f"{prefix}.embeddings.token_type_embeddings",
        "positions": f"{prefix}.embeddings.position_embeddings",
        "embeddings.norm": f"{prefix}.embeddings.LayerNorm",
        **_under("encoder.layers.{i}", f"{prefix}.encoder.layer.{{i}}", _BERT_LAYER),
        "pooler": f"{prefix}.pooler.dense",
    }


BERT = {
    **_bert("bert"),
    "masked_lm.transform": "cls.predictions.transform.dense",
    "masked_lm.norm": "cls.predictions.transform.LayerNorm",
    "masked_lm.bias": "cls.predictions",
    "next_sentence": "cls.seq_relationship",
}

ROBERTA = {
    **_bert("roberta"),
    "masked_lm.transform": "lm_head.dense",
    "masked_lm.norm": "lm_head.layer_norm",
    "masked_lm.bias": "lm_head",
}

DISTILBERT = {
    **_bert("distilbert"),
    **_under(
        "encoder.layers.{i}",
        "distilbert.transformer.layer.{i}",
        {
            **_same("attention", "q_lin k_lin v_lin out_lin", "attention.*"),
            "attention.norm": "sa_layer_norm",
            "feed_forward.intermediate": "ffn.lin1",
            "feed_forward.output": "ffn.lin2",
            "feed_forward.norm": "output_layer_norm",
        },
    ),
    "masked_lm.transform": "vocab_transform",
    "masked_lm.norm": "vocab_layer_norm",
    "masked_lm.bias": "vocab_projector",
}

ALBERT = {
    **_bert("albert"),
    "pooler": "albert.pooler",
    "sentence_order": "sop_classifier.classifier",
    "embeddings.projection": "albert.encoder.embedding_hidden_mapping_in",
    **_under(
        "encoder.layers.{i}",
        "albert.encoder.albert_layer_groups.{i}.albert_layers.0",
        {
            **_same("attention", "query key value dense", "attention.*"),
            "attention.norm": "attention.LayerNorm",
            "feed_forward.intermediate": "ffn",
            "feed_forward.output": "ffn_output",
            "feed_forward.norm": "full_layer_layer_norm",
        },
    ),
    "masked_lm.transform": "predictions.dense",
    "masked_lm.norm": "predictions.LayerNorm",
    "masked_lm.bias": "predictions",
}

ELECTRA = {
    **_bert("electra"),
    "embeddings.projection": "electra.embeddings_project",
    "masked_lm.transform": "generator_predictions.dense",
    "masked_lm.norm": "generator_predictions.LayerNorm",
    "masked_lm.bias": "generator_lm_head",
    "replaced_token_detection.transform": "discriminator_predictions.dense",
    "replaced_token_detection.tell": "discriminator_predictions.dense_prediction",
}

MODERNBERT = {
    "embeddings.tokens": "model.embeddings.tok_embeddings",
    "embeddings.norm": "model.embeddings.norm",
    **_under(
        "encoder.layers.{i}",
        "model.layers.{i}",
        {
            **_same("attention", "Wqkv[0/3] Wqkv[1/3] Wqkv[2/3] Wo", "attn.*"),
            "attention.norm": "attn_norm",
            "feed_forward.gate": "mlp.Wi[0/2]",
            "feed_forward.intermediate": "mlp.Wi[1/2]",
            "feed_forward.output": "mlp.Wo",
            "feed_forward.norm": "mlp_norm",
        },
    ),
    "encoder.final_norm": "model.final_norm",
    "masked_lm.transform": "head.dense",
    "masked_lm.norm": "head.norm",
    "masked_lm.bias": "decoder",
}


def _t5_stack(side: str, feed_forward: int, inner: dict[str, str]) -> dict[str, str]:
    dense = f"layer.{feed_forward}.DenseReluDense"
    layer = {
        **_same("attention", "q k v o", "layer.0.SelfAttention.*"),
        "attention.norm": "layer.0.layer_norm",
        "attention.positions": "layer.0.SelfAttention.relative_attention_bias",
        **{f"feed_forward.{our}": f"{dense}.{their}" for our, their in inner.items()},
        "feed_forward.output": f"{dense}.wo",
        "feed_forward.norm": f"layer.{feed_forward}.layer_norm",
    }
    if side == "decoder":
        layer |= _same("cross_attention", "q k v o", "layer.1.EncDecAttention.*")
        layer["cross_attention.norm"] = "layer.1.layer_norm"
    names = _under(f"{side}.layers.{{i}}", f"{side}.block.{{i}}", layer)
    return {**names, f"{side}.final_norm": f"{side}.final_layer_norm"}


def _t5(inner: dict[str, str]) -> dict[str, str]:
    return {
        "embeddings.tokens": "shared",
        **_t5_stack("encoder", 1, inner),
        **_t5_stack("decoder", 2, inner),
        "output": "lm_head",
    }


T5 = _t5({"intermediate": "wi"})
T5_GATED = _t5({"gate": "wi_0", "intermediate": "wi_1"})


def _bart_stack(side: str, prefix: str) -> dict[str, str]:
    roles = "q_proj k_proj v_proj out_proj"
    layer = {
        **_same("attention", roles, "self_attn.*"),
        "attention.norm": "self_attn_layer_norm",
        **_same("cross_attention", roles, "encoder_attn.*"),
        "cross_attention.norm": "encoder_attn_layer_norm",
        "feed_forward.intermediate": "fc1",
        "feed_forward.output": "fc2",
        "feed_forward.norm": "final_layer_norm",
    }
    return {
        f"{prefix}positions": f"model.{side}.embed_positions",
        f"{prefix}embeddings.norm": f"model.{side}.layernorm_embedding",
        **_under(f"{side}.layers.{{i}}", f"model.{side}.layers.{{i}}", layer),
    }


BART = {
    "embeddings.tokens": "model.shared",
    **_bart_stack("encoder", ""),
    **_bart_stack("decoder", "decoder_"),
    "output.bias": "=final_logits_bias",
}

GPT2 = {
    "embeddings.tokens": "transformer.wte",
    "positions": "transformer.wpe",
    **_under(
        "decoder.layers.{i}",
        "transformer.h.{i}",
        {
            **_same("attention", "c_attn[0/3] c_attn[1/3] c_attn[2/3] c_proj", "attn.*"),
            "attention.norm": "ln_1",
            "feed_forward.intermediate": "mlp.c_fc",
            "feed_forward.output": "mlp.c_proj",
            "feed_forward.norm": "ln_2",
        },
    ),
    "decoder.final_norm": "transformer.ln_f",
    "output": "lm_head",
}

LLAMA = {
    "embeddings.tokens": "model.embed_tokens",
    **_under(
        "decoder.layers.{i}",
        "model.layers.{i}",
        {
            **_same("attention", "q_proj k_proj v_proj o_proj", "self_attn.*"),
            "attention.norm": "input_layernorm",
            "feed_forward.gate": "mlp.gate_proj",
            "feed_forward.intermediate": "mlp.up_proj",
            "feed_forward.output": "mlp.down_proj",
            "feed_forward.norm": "post_attention_layernorm",
        },
    ),
    "decoder.final_norm": "model.norm",
    "output": "lm_head",
}

LAYOUTS = {
    "bert": Layout(BERT, "bert"),
    "roberta": Layout(ROBERTA, "roberta"),
    "distilbert": Layout(DISTILBERT, "distilbert"),
    "albert": Layout(ALBERT, "albert"),
    "electra": Layout(ELECTRA, "electra"),
    "modernbert": Layout(MODERNBERT, "model"),
    "t5": Layout(T5),
    "t5_gated": Layout(T5_GATED),
    "bart": Layout(BART, "model"),
    "marian": Layout(BART, "model"),
    "gpt2": Layout(GPT2, "transformer", inputs_first=True),
    "llama": Layout(LLAMA, "model"),
}
