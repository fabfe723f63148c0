"""Decoders alone: specs out of their configurations, and configurations out of specs."""

from typing import Any

from archbuilder.exchange.hugging_face.config import (
    Config,
    activation_name,
    layer_norm,
    refused,
    stack,
)


def gpt2(config: Config) -> tuple[dict, dict]:
    config.only(scale_attn_weights=True, scale_attn_by_inverse_layer_idx=False)
    config.only(reorder_and_upcast_attn=False, add_cross_attention=False)
    config.only(num_hidden_layers=config("n_layer"))
    dim = config("n_embd")
    model = {
        "hidden_dim": dim,
        "vocabulary_size": config("vocab_size"),
        "embeddings": {
            "tie": "output" if config("tie_word_embeddings", True) else "none",
            "dropout": config("embd_pdrop", 0.1),
        },
        "positions": {"type": "learned", "max_sequence_length": config("n_positions", 1024)},
        "decoder": stack(
            config("n_layer"),
            {"num_heads": config("n_head"), "dropout": config("attn_pdrop", 0.1)},
            {
                "intermediate_dim": config("n_inner", 4 * dim),
                "activation": config.activation("activation_function", "gelu_new"),
            },
            layer_norm(config("layer_norm_epsilon", 1e-5)),
            norm_placement="pre",
            dropout=config("resid_pdrop", 0.1),
        ),
    }
    return model, _heads(config, model)


def gpt2_config(model, heads: dict) -> dict[str, Any]:
    layer = model.decoder
    return {
        "vocab_size": model.vocabulary_size,
        "n_embd": model.hidden_dim,
        "n_layer": layer.num_layers,
        "n_head": layer.attention.num_heads,
        "n_inner": layer.feed_forward.intermediate_dim,
        "n_positions": model.max_sequence_length,
        "activation_function": activation_name(layer.feed_forward.activation),
        "embd_pdrop": model.embeddings.dropout,
        "attn_pdrop": layer.attention.dropout,
        "resid_pdrop": layer.dropout,
        "layer_norm_epsilon": layer.norm.epsilon,
        "tie_word_embeddings": model.embeddings.ties_output,
    }


def llama(config: Config) -> tuple[dict, dict]:
    config.only(pretraining_tp=1)
    config("max_position_embeddings")  # Rotary positions know no end.
    heads, newer = config("num_attention_heads"), config("rope_parameters", {})
    # Where both are there, they take the older one.
    rates = {"rope_theta": config("rope_theta", 1e4)} | (config("rope_scaling") or newer)
    positions = {
        "type": "rotary",
        "max_wavelength": float(rates["rope_theta"]),
        "scaling": _scaling(rates),
    }
    biased = config("attention_bias", False)
    model = {
        "hidden_dim": config("hidden_size"),
        "vocabulary_size": config("vocab_size"),
        "embeddings": {"tie": "output" if config("tie_word_embeddings", False) else "none"},
        "positions": {"type": "none"},
        "decoder": stack(
            config("num_hidden_layers"),
            {
                "num_heads": heads,
                "num_key_value_heads": config("num_key_value_heads", heads),
                "key_dim": config("head_dim"),
                "biases": ["query", "key", "value", "output"] if biased else [],
                "positions": positions,
                "dropout": config("attention_dropout", 0.0),
            },
            {
                "type": "gated",
                "intermediate_dim": config("intermediate_size"),
                "activation": config.activation("hidden_act", "silu"),
                "use_bias": config("mlp_bias", False),
            },
            {"type": "rms_norm", "epsilon": config("rms_norm_eps", 1e-6)},
            norm_placement="pre",
        ),
    }
    return model, _heads(config, model)


def llama_config(model, heads: dict) -> dict[str, Any]:
    layer = model.decoder
    attention = layer.attention
    return {
        "vocab_size": model.vocabulary_size,
        "hidden_size": model.hidden_dim,
        "intermediate_size": layer.feed_forward.intermediate_dim,
        "num_hidden_layers": layer.num_layers,
        "num_attention_heads": attention.num_heads,
        "num_key_value_heads": attention.num_key_value_heads or attention.num_heads,
        "head_dim": attention.head_dim(model.hidden_dim),
        "hidden_act": activation_name(layer.feed_forward.activation),
        "rms_norm_eps": layer.norm.epsilon,
        "rope_parameters": _rope_parameters(attention.positions),
        "attention_bias": bool(attention.biases),
        "attention_dropout": attention.dropout,
        "mlp_bias": layer.feed_forward.use_bias,
        "tie_word_embeddings": model.embeddings.ties_output,
        "max_position_embeddings": 131072,
    }


def _heads(config: Config, model: dict) -> dict:
    """What writes, unless only the body is there."""
    tied = model["embeddings"]["tie"] == "output"
    return {"causal_lm": {}} if tied or config.holds("output") else {}


def _rope_parameters(positions) -> dict[str, Any]:
    found = {"rope_type": "default", "rope_theta": getattr(positions, "max_wavelength", 1e4)}
    scaling = getattr(positions, "scaling", None)
    if scaling is None:
        return found
    theirs = {their: getattr(scaling, our) for our, their in _SCALING[scaling.type].items()}
    return found | {"rope_type": scaling.type} | theirs


def _scaling(parameters: dict) -> dict | None:
    kind = parameters.get("rope_type", parameters.get("type", "default"))
    theirs = set(_SCALING.get(kind, {}).values())
    if kind not in _SCALING or set(parameters) - theirs - {"rope_type", "type", "rope_theta"}:
        raise refused("rope_parameters", parameters)
    if kind == "default":
        return None
    return {"type": kind} | {our: parameters[their] for our, their in _SCALING[kind].items()}


_SCALING = {
    "default": {},
    "linear": {"factor": "factor"},
    "llama3": {
        "factor": "factor",
        "low_frequency_factor": "low_freq_factor",
        "high_frequency_factor": "high_freq_factor",
        "original_max_sequence_length": "original_max_position_embeddings",
    },
}
"""By the name of a scaling, what its settings are called here and there."""
