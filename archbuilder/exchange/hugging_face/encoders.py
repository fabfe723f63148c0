"""Encoders: specs out of their configurations, and configurations out of specs."""

from fractions import Fraction
from typing import Any

from archbuilder.exchange.hugging_face.config import (
    Config,
    activation_name,
    layer_norm,
    refused,
    stack,
)


def bert(
    config: Config, offset: int = 0, segments: bool = True, activation: str = "gelu"
) -> tuple[dict, dict]:
    norm = layer_norm(config("layer_norm_eps", 1e-12))
    dropout = config("hidden_dropout_prob", 0.1)
    config.only(is_decoder=False, add_cross_attention=False, position_embedding_type="absolute")
    config.only(tie_word_embeddings=True)
    activation = config.activation("hidden_act", activation)
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
        "pooler": {"type": "first_token"},
        "initializer": {
            "type": "truncated_normal",
            "stddev": config("initializer_range", 0.02) or 0.02,
        },
    }
    return model, {"masked_lm": {"activation": activation, "norm": norm}, "next_sentence": {}}


def bert_config(model, heads: dict, offset: int = 0) -> dict[str, Any]:
    layer = model.encoder
    return {
        "vocab_size": model.vocabulary_size,
        "hidden_size": model.hidden_dim,
        "num_hidden_layers": layer.num_layers,
        "num_attention_heads": layer.attention.num_heads,
        "intermediate_size": layer.feed_forward.intermediate_dim,
        "hidden_act": activation_name(layer.feed_forward.activation),
        "hidden_dropout_prob": layer.dropout,
        "attention_probs_dropout_prob": layer.attention.dropout,
        "max_position_embeddings": (model.max_sequence_length or 0) + offset,
        "type_vocab_size": model.embeddings.num_segments or 1,
        "layer_norm_eps": layer.norm.epsilon,
        "tie_word_embeddings": True,
    }


def roberta(config: Config) -> tuple[dict, dict]:
    model, objectives = bert(config, offset=config("pad_token_id", 1) + 1)
    head = objectives["masked_lm"] | {"activation": "gelu"}  # Whatever that of the layers is.
    return model, {"masked_lm": head}


def roberta_config(model, heads: dict) -> dict[str, Any]:
    offset = getattr(model.positions, "offset", 0)
    return bert_config(model, heads, offset) | {"pad_token_id": offset - 1}


def distilbert(config: Config) -> tuple[dict, dict]:
    config.only(sinusoidal_pos_embds=False, tie_word_embeddings=True)
    config.only(num_hidden_layers=config("n_layers"))
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
    model, objectives = bert(Config(theirs, config.holds), segments=False)
    return model | {"pooler": None}, {"masked_lm": objectives["masked_lm"]}


def distilbert_config(model, heads: dict) -> dict[str, Any]:
    same = bert_config(model, heads)
    return {
        "vocab_size": same["vocab_size"],
        "dim": same["hidden_size"],
        "n_layers": same["num_hidden_layers"],
        "n_heads": same["num_attention_heads"],
        "hidden_dim": same["intermediate_size"],
        "activation": same["hidden_act"],
        "dropout": same["hidden_dropout_prob"],
        "attention_dropout": same["attention_probs_dropout_prob"],
        "max_position_embeddings": same["max_position_embeddings"],
        "sinusoidal_pos_embds": False,
        "tie_word_embeddings": True,
    }


def albert(config: Config) -> tuple[dict, dict]:
    model, objectives = bert(config, activation="gelu_new")
    config.only(inner_group_num=1, down_scale_factor=1)
    model["embeddings"]["embedding_dim"] = config("embedding_size", 128)
    model["encoder"]["num_layer_groups"] = config("num_hidden_groups", 1)
    return model, {"masked_lm": objectives["masked_lm"], "sentence_order": {}}


def albert_config(model, heads: dict) -> dict[str, Any]:
    return bert_config(model, heads) | {
        "embedding_size": model.embeddings.embedding_dim,
        "num_hidden_groups": model.encoder.num_layer_groups,
        "inner_group_num": 1,
    }


def electra(config: Config) -> tuple[dict, dict]:
    model, objectives = bert(config)
    width = config("embedding_size", 128)
    model["embeddings"]["embedding_dim"] = None if width == model["hidden_dim"] else width
    generator = objectives["masked_lm"] | {"activation": "gelu"}  # Whatever that of the layers is.
    stack = model["encoder"]
    sizes = (model["hidden_dim"], stack["attention"]["num_heads"])
    sizes += (stack["feed_forward"]["intermediate_dim"],)
    shares = (Fraction(1, part) for part in (4, 3, 2, 1))
    share = next(one for one in shares if all((size * one).denominator == 1 for size in sizes))
    discriminator = {
        "activation": stack["feed_forward"]["activation"],
        "generator_size": round(float(share), 6),
    }
    return model | {"pooler": None}, {
        "masked_lm": generator,
        "replaced_token_detection": discriminator,
    }


def electra_config(model, heads: dict) -> dict[str, Any]:
    width = model.embeddings.embedding_dim or model.hidden_dim
    return bert_config(model, heads) | {"embedding_size": width}


def modernbert(config: Config) -> tuple[dict, dict]:
    config.only(decoder_bias=True, tie_word_embeddings=True, classifier_activation="gelu")
    norm = layer_norm(config("norm_eps", 1e-5), use_bias=config("norm_bias", False))
    rates, layers = config("rope_parameters", {}), config("num_hidden_layers")
    every = config("global_attn_every_n_layers", 3)
    for unread in ("layer_norm_eps", "position_embedding_type"):
        config(unread)  # Published, and read by nobody.
    usual = [_KINDS[index % every == 0] for index in range(layers)]
    if len(config("layer_types", usual)) != layers:
        raise refused("layer_types", config("layer_types"))
    whole_layers = [
        str(index)
        for index, kind in enumerate(config("layer_types", usual))
        if kind == _KINDS[True]
    ]
    if config("layer_types", usual) == usual:
        whole_layers = [f"0::{every}"]
    local = _wavelength(rates.get("sliding_attention"), config("local_rope_theta", 1e4))
    whole = _wavelength(rates.get("full_attention"), config("global_rope_theta", 1.6e5))
    biased = config("attention_bias", False)
    attention = {
        "num_heads": config("num_attention_heads"),
        "biases": ["query", "key", "value", "output"] if biased else [],
        "dropout": config("attention_dropout", 0.0),
        "positions": {"type": "rotary", "max_wavelength": local},
        "sliding_window_size": config("local_attention", 128),
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
                    "layers": index,
                    "attention": {
                        "sliding_window_size": None,
                        "positions": {"max_wavelength": whole},
                    },
                }
                for index in whole_layers
            ],
        ),
    }
    config("max_position_embeddings")  # Rotary positions know no end.
    head = {"activation": "gelu", "norm": norm, "transform_bias": config("classifier_bias", False)}
    return model, {"masked_lm": head}


def modernbert_config(model, heads: dict) -> dict[str, Any]:
    stack = model.encoder
    layers = stack.layers
    whole = [layer.attention.sliding_window_size is None for layer in layers]
    rates = {
        _KINDS[kind]: {
            "rope_type": "default",
            "rope_theta": getattr(layer.attention.positions, "max_wavelength", 0.0),
        }
        for kind, layer in zip(whole, layers, strict=True)
    }
    windows = {layer.attention.sliding_window_size for layer in layers} - {None}
    head = heads.get("masked_lm")
    return {
        "vocab_size": model.vocabulary_size,
        "hidden_size": model.hidden_dim,
        "num_hidden_layers": stack.num_layers,
        "num_attention_heads": stack.attention.num_heads,
        "intermediate_size": stack.feed_forward.intermediate_dim,
        "hidden_activation": activation_name(stack.feed_forward.activation),
        "max_position_embeddings": 8192,
        "norm_eps": stack.norm.epsilon,
        "norm_bias": getattr(stack.norm, "use_bias", False),
        "attention_bias": bool(stack.attention.biases),
        "attention_dropout": stack.attention.dropout,
        "embedding_dropout": model.embeddings.dropout,
        "mlp_bias": stack.feed_forward.use_bias,
        "mlp_dropout": stack.feed_forward.dropout,
        "classifier_bias": bool(head and head.transform_bias),
        "layer_types": [_KINDS[kind] for kind in whole],
        "rope_parameters": rates,
        **({"local_attention": max(windows)} if windows else {}),
    }


_ROTARY = {"rope_type", "rope_theta"}
_KINDS = {True: "full_attention", False: "sliding_attention"}
"""What a layer is called that sees everything, and one that does not."""


def _wavelength(parameters: dict | None, older: float) -> float:
    """Of one kind of layer; `older` is what a file says that was written before these were."""
    parameters = parameters or {}
    if parameters.get("rope_type", "default") != "default" or set(parameters) - _ROTARY:
        raise refused("rope_parameters", parameters)
    return float(parameters.get("rope_theta", older))
