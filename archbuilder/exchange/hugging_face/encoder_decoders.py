"""Encoders with decoders: specs out of their configurations, and configurations out of specs."""

from typing import Any

from archbuilder.exchange.hugging_face.config import (
    ACTIVATIONS,
    Config,
    activation_name,
    layer_norm,
    refused,
    stack,
)


def t5(config: Config) -> tuple[dict, dict]:
    config.only(is_decoder=False)
    dropout, kind = config("dropout_rate", 0.1), config("feed_forward_proj", "relu")
    gated, _, activation = kind.rpartition("-")
    if gated not in ("", "gated") or activation not in ACTIVATIONS:
        raise refused("feed_forward_proj", kind)
    if kind == "gated-gelu":
        activation = "gelu_new"
    config.only(dense_act_fn=activation, is_gated_act=bool(gated))
    activation = ACTIVATIONS[activation]
    positions = {
        "type": "t5",
        "num_buckets": config("relative_attention_num_buckets", 32),
        "max_distance": config("relative_attention_max_distance", 128),
    }
    attention = {
        "num_heads": config("num_heads"),
        "key_dim": config("d_kv", 64),
        "scale": 1.0,
        "biases": [],
        "positions": positions,
        "dropout": dropout,
    }
    feed_forward = {
        "type": "gated" if gated else "mlp",
        "intermediate_dim": config("d_ff"),
        "activation": activation,
        "use_bias": False,
        "dropout": dropout,
    }
    norm = {"type": "rms_norm", "epsilon": config("layer_norm_epsilon", 1e-6)}
    layers = config("num_layers")
    config.only(num_hidden_layers=layers)
    more = {"norm_placement": "pre", "dropout": dropout, "final_dropout": dropout}
    # Their newer versions write down the second, and not the first.
    tied = config("tie_word_embeddings", config("scale_decoder_outputs", True))
    scaled = config("scale_decoder_outputs", tied)
    if scaled and not tied:
        raise refused("scale_decoder_outputs", scaled)
    model = {
        "hidden_dim": config("d_model"),
        "vocabulary_size": config("vocab_size"),
        "embeddings": {
            "tie": "all" if tied else "input",
            "scale_output": scaled,
            "dropout": dropout,
        },
        "positions": {"type": "none"},
        "encoder": stack(layers, attention, feed_forward, norm, **more),
        "decoder": stack(
            config("num_decoder_layers", layers), attention, feed_forward, norm, **more
        ),
        "initializer": {"type": "t5"},
    }
    config.only(initializer_factor=1.0)
    return model, {"sequence_to_sequence": {}}


def t5_config(model, heads: dict) -> dict[str, Any]:
    layer = model.encoder
    attention, feed_forward = layer.attention, layer.feed_forward
    activation = activation_name(feed_forward.activation)
    if feed_forward.type == "gated":
        activation = "gated-" + ("gelu" if activation == "gelu_new" else str(activation))
    return {
        "is_encoder_decoder": True,
        "vocab_size": model.vocabulary_size,
        "d_model": model.hidden_dim,
        "d_kv": attention.head_dim(model.hidden_dim),
        "d_ff": feed_forward.intermediate_dim,
        "num_layers": layer.num_layers,
        "num_decoder_layers": model.decoder.num_layers,
        "num_heads": attention.num_heads,
        "relative_attention_num_buckets": getattr(attention.positions, "num_buckets", None),
        "relative_attention_max_distance": getattr(attention.positions, "max_distance", None),
        "feed_forward_proj": activation,
        "dropout_rate": layer.dropout,
        "layer_norm_epsilon": layer.norm.epsilon,
        "tie_word_embeddings": model.embeddings.ties_output,
        "scale_decoder_outputs": model.embeddings.scale_output,
    }


def bart(config: Config) -> tuple[dict, dict]:
    config.only(normalize_embedding=True)
    norm = layer_norm(1e-5)
    positions = {
        "type": "learned",
        "max_sequence_length": config("max_position_embeddings", 1024),
        "offset": 2,
    }
    model = _both(config, norm)
    model["embeddings"]["norm"] = norm
    return model | {"positions": positions}, {"sequence_to_sequence": {}}


def bart_config(model, heads: dict) -> dict[str, Any]:
    return _both_config(model) | {"max_position_embeddings": model.max_sequence_length}


def marian(config: Config) -> tuple[dict, dict]:
    size = config("vocab_size")
    config.only(share_encoder_decoder_embeddings=True, decoder_vocab_size=size)
    config.only(static_position_embeddings=True, normalize_embedding=False)
    config("max_position_embeddings")  # Sinusoids know no end.
    model = _both(config, layer_norm(1e-5))
    positions = {"type": "sinusoidal", "layout": "halves"}
    return model | {"positions": positions}, {"sequence_to_sequence": {}}


def marian_config(model, heads: dict) -> dict[str, Any]:
    return _both_config(model) | {
        "max_position_embeddings": 1024,
        "share_encoder_decoder_embeddings": True,
        "static_position_embeddings": True,
        "decoder_vocab_size": model.vocabulary_size,
        "forced_eos_token_id": None,
    }


def _both_config(model) -> dict[str, Any]:
    fields = {
        "is_encoder_decoder": True,
        "vocab_size": model.vocabulary_size,
        "d_model": model.hidden_dim,
        "activation_function": activation_name(model.encoder.feed_forward.activation),
        "dropout": model.encoder.dropout,
        "attention_dropout": model.encoder.attention.dropout,
        "activation_dropout": model.encoder.feed_forward.dropout,
        "scale_embedding": model.embeddings.scale,
        "tie_word_embeddings": True,
    }
    for side in ("encoder", "decoder"):
        layer = getattr(model, side)
        fields[f"{side}_layers"] = layer.num_layers
        fields[f"{side}_attention_heads"] = layer.attention.num_heads
        fields[f"{side}_ffn_dim"] = layer.feed_forward.intermediate_dim
    return fields


def _both(config: Config, norm: dict) -> dict:
    config.only(tie_word_embeddings=True, encoder_layerdrop=0.0, decoder_layerdrop=0.0)
    config.only(normalize_before=False, add_final_layer_norm=False)
    config.only(num_hidden_layers=config("encoder_layers"))
    dropout = config("dropout", 0.1)

    def side_of(side):
        return stack(
            config(f"{side}_layers"),
            {
                "num_heads": config(f"{side}_attention_heads"),
                "dropout": config("attention_dropout", 0.0),
            },
            {
                "intermediate_dim": config(f"{side}_ffn_dim"),
                "activation": config.activation("activation_function"),
                "dropout": config("activation_dropout", 0.0),
            },
            norm,
            dropout=dropout,
        )

    return {
        "hidden_dim": config("d_model"),
        "vocabulary_size": config("vocab_size"),
        "embeddings": {
            "tie": "all",
            "scale": config("scale_embedding", False),
            "output_bias": config.holds("output.bias"),
            "dropout": dropout,
        },
        "encoder": side_of("encoder"),
        "decoder": side_of("decoder"),
    }
