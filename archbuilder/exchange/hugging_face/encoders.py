"""Specs out of the configurations of encoders."""

from archbuilder.exchange.hugging_face.config import Config, layer_norm, refused, stack


def bert(config: Config, offset: int = 0, segments: bool = True) -> tuple[dict, dict]:
    norm = layer_norm(config("layer_norm_eps", 1e-12))
    dropout = config("hidden_dropout_prob", 0.1)
    config.only(is_decoder=False, add_cross_attention=False, position_embedding_type="absolute")
    config.only(tie_word_embeddings=True)
    activation = config.activation("hidden_act")
    model = {
        "hidden_dim": config("hidden_size"),
        "vocabulary_size": config("vocab_size"),
        "embeddings": {
            "tie": "output",
            "num_segments": config("type_vocab_size", 2) if segments else None,
            "norm": norm,
            "dropout": dropout,
        },
        "positions": {
            "type": "learned",
            "max_sequence_length": config("max_position_embeddings", 512) - offset,
            "offset": offset,
        },
        "encoder": stack(
            config("num_hidden_layers"),
            {
                "num_heads": config("num_attention_heads"),
                "dropout": config("attention_probs_dropout_prob", 0.1),
            },
            {"intermediate_dim": config("intermediate_size"), "activation": activation},
            norm,
            dropout=dropout,
        ),
    }
    return model, {"masked_lm": {"activation": activation, "norm": norm}}


def roberta(config: Config) -> tuple[dict, dict]:
    model, objectives = bert(config, offset=config("pad_token_id", 1) + 1)
    objectives["masked_lm"]["activation"] = "gelu"  # Whatever that of the layers is.
    return model, objectives


def distilbert(config: Config) -> tuple[dict, dict]:
    config.only(sinusoidal_pos_embds=False, tie_word_embeddings=True)
    theirs = {
        "hidden_size": config("dim"),
        "vocab_size": config("vocab_size"),
        "max_position_embeddings": config("max_position_embeddings"),
        "num_hidden_layers": config("n_layers"),
        "num_attention_heads": config("n_heads"),
        "intermediate_size": config("hidden_dim"),
        "hidden_act": config("activation"),
        "hidden_dropout_prob": config("dropout"),
        "attention_probs_dropout_prob": config("attention_dropout"),
    }
    return bert(Config(theirs), segments=False)


def albert(config: Config) -> tuple[dict, dict]:
    model, objectives = bert(config)
    config.only(inner_group_num=1)
    model["embeddings"]["embedding_dim"] = config("embedding_size")
    model["encoder"]["num_layer_groups"] = config("num_hidden_groups", 1)
    return model, objectives


def modernbert(config: Config) -> tuple[dict, dict]:
    config.only(decoder_bias=True, tie_word_embeddings=True, classifier_activation="gelu")
    norm = layer_norm(config("norm_eps", 1e-5), use_bias=config("norm_bias", False))
    rates, layers = config("rope_parameters", {}), config("num_hidden_layers")
    every = config("global_attn_every_n_layers", 3)
    kinds = [("sliding" if index % every else "full") + "_attention" for index in range(layers)]
    config.only(layer_types=kinds)
    local = _wavelength(rates.get("sliding_attention"), config("local_rope_theta", 1e4))
    whole = _wavelength(rates.get("full_attention"), config("global_rope_theta", 1.6e5))
    biased = config("attention_bias", False)
    attention = {
        "num_heads": config("num_attention_heads"),
        "biases": ["query", "key", "value", "output"] if biased else [],
        "dropout": config("attention_dropout", 0.0),
        "positions": {"type": "rotary", "max_wavelength": local},
        "sliding_window_size": config("local_attention"),
    }
    model = {
        "hidden_dim": config("hidden_size"),
        "vocabulary_size": config("vocab_size"),
        "embeddings": {"tie": "output", "norm": norm, "dropout": config("embedding_dropout", 0.0)},
        "positions": {"type": "none"},
        "encoder": stack(
            layers,
            attention,
            {
                "type": "gated",
                "intermediate_dim": config("intermediate_size"),
                "activation": config.activation("hidden_activation"),
                "use_bias": config("mlp_bias", False),
                "dropout": config("mlp_dropout", 0.0),
            },
            norm,
            norm_placement="pre",
            skip_first_norm=True,
            overrides=[
                {
                    "layers": f"0::{every}",
                    "attention": {
                        "sliding_window_size": None,
                        "positions": {"max_wavelength": whole},
                    },
                }
            ],
        ),
    }
    config("max_position_embeddings")  # Rotary positions know no end.
    head = {"activation": "gelu", "norm": norm, "transform_bias": config("classifier_bias", False)}
    return model, {"masked_lm": head}


def _wavelength(parameters: dict | None, older: float) -> float:
    """Of one kind of layer; `older` is what a file says that was written before these were."""
    parameters = parameters or {}
    if parameters.get("rope_type", "default") != "default":
        raise refused("rope_parameters", parameters)
    return float(parameters.get("rope_theta", older))
