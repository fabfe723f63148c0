"""Specs out of the configurations of decoders alone."""

from archbuilder.exchange.hugging_face.config import Config, layer_norm, refused, stack


def gpt2(config: Config) -> tuple[dict, dict]:
    config.only(scale_attn_weights=True, scale_attn_by_inverse_layer_idx=False)
    config.only(reorder_and_upcast_attn=False, add_cross_attention=False)
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
                "activation": config.activation("activation_function"),
            },
            layer_norm(config("layer_norm_epsilon", 1e-5)),
            norm_placement="pre",
            dropout=config("resid_pdrop", 0.1),
        ),
    }
    return model, {"causal_lm": {}}


def llama(config: Config) -> tuple[dict, dict]:
    config.only(pretraining_tp=1)
    config("max_position_embeddings")  # Rotary positions know no end.
    heads, older = config("num_attention_heads"), config("rope_scaling", {})
    rates = {"rope_theta": config("rope_theta", 1e4)} | older | config("rope_parameters", {})
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
                "activation": config.activation("hidden_act"),
                "use_bias": config("mlp_bias", False),
            },
            {"type": "rms_norm", "epsilon": config("rms_norm_eps", 1e-6)},
            norm_placement="pre",
        ),
    }
    return model, {"causal_lm": {}}


def _scaling(parameters: dict) -> dict | None:
    kind = parameters.get("rope_type", parameters.get("type", "default"))
    if kind == "default":
        return None
    if kind == "linear":
        return {"type": "linear", "factor": parameters["factor"]}
    if kind == "llama3":
        return {
            "type": "llama3",
            "factor": parameters["factor"],
            "low_frequency_factor": parameters["low_freq_factor"],
            "high_frequency_factor": parameters["high_freq_factor"],
            "original_max_sequence_length": parameters["original_max_position_embeddings"],
        }
    raise refused("rope_parameters", parameters)
