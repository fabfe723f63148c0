"""LLaMA (Touvron et al., 2023), with rotary positions scaled as in Llama 3 or linearly."""

from typing import Any

from archbuilder.pretrained.hugging_face.architecture import HFArchitecture
from archbuilder.pretrained.hugging_face.config import Config, unsupported_field
from archbuilder.pretrained.hugging_face.fields import (
    ACTIVATION,
    BIASES,
    Conversion,
    Field,
    TiedOutput,
    Unused,
    stack,
    unwritten,
)
from archbuilder.pretrained.hugging_face.weight_names import WeightNames, add_prefixes, projections

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
"""Types of scaling, each with the names of its settings in a spec and in a `config.json`."""


def _read_rotary(config: Config, name: str, default: dict[str, Any]) -> dict[str, Any]:
    current = config.get(name, default)
    # If a file has both fields, `transformers` uses the older one.
    parameters = {"rope_theta": config.get("rope_theta", 1e4)} | (
        config.get("rope_scaling") or current
    )
    return {
        "type": "rotary",
        "max_wavelength": float(parameters["rope_theta"]),
        "scaling": _read_scaling(parameters),
    }


def _read_scaling(parameters: dict[str, Any]) -> dict[str, Any] | None:
    kind = parameters.get("rope_type", parameters.get("type", "default"))
    settings = _SCALING.get(kind, {})
    supported = {*settings.values(), "rope_type", "type", "rope_theta"}
    if kind not in _SCALING or parameters.keys() - supported:
        raise unsupported_field("rope_parameters", parameters)
    if kind == "default":
        return None
    return {"type": kind} | {setting: parameters[field] for setting, field in settings.items()}


def _write_rotary(positions: dict[str, Any] | None) -> dict[str, Any]:
    positions = positions or {}
    parameters = {"rope_type": "default", "rope_theta": positions.get("max_wavelength", 1e4)}
    scaling = positions.get("scaling")
    if scaling is None:
        return parameters
    names = _SCALING[scaling["type"]]
    settings = {field: scaling[setting] for setting, field in names.items()}
    return parameters | {"rope_type": scaling["type"]} | settings


_ROTARY = Conversion(_read_rotary, _write_rotary)

LLAMA = HFArchitecture(
    "llama",
    {
        "positions": {"type": "none"},
        "decoder": stack("gated", {"type": "rms_norm"}, norm_placement="pre"),
        "heads": {"causal_lm": {}},
    },
    (
        *unwritten(pretraining_tp=1),
        Field("vocab_size", "vocabulary_size"),
        Field("hidden_size", "hidden_dim"),
        Field("intermediate_size", "decoder.feed_forward.intermediate_dim"),
        Field("num_hidden_layers", "decoder.num_layers"),
        Field("num_attention_heads", "decoder.attention.num_heads"),
        Field(
            "num_key_value_heads",
            "decoder.attention.num_key_value_heads",
            lambda config: config.get("num_attention_heads"),
        ),
        Field("head_dim", "decoder.attention.key_dim"),
        Field("hidden_act", "decoder.feed_forward.activation", "silu", ACTIVATION),
        Field("rms_norm_eps", "decoder.norm.epsilon", 1e-6),
        Field("rope_parameters", "decoder.attention.positions", {}, _ROTARY),
        Field("attention_bias", "decoder.attention.biases", False, BIASES),
        Field("attention_dropout", "decoder.attention.dropout", 0.0),
        Field("mlp_bias", "decoder.feed_forward.use_bias", False),
        TiedOutput(default=False),
        Unused("max_position_embeddings", 131072),  # Rotary positions have no limit.
    ),
    WeightNames(
        {
            "embeddings.tokens": "model.embed_tokens",
            **add_prefixes(
                "decoder.layers.{i}",
                "model.layers.{i}",
                {
                    **projections("attention", "q_proj k_proj v_proj o_proj", "self_attn.*"),
                    "attention.norm": "input_layernorm",
                    "feed_forward.gate": "mlp.gate_proj",
                    "feed_forward.intermediate": "mlp.up_proj",
                    "feed_forward.output": "mlp.down_proj",
                    "feed_forward.norm": "post_attention_layernorm",
                },
            ),
            "decoder.final_norm": "model.norm",
            "output": "lm_head",
        },
        "model",
    ),
    {("causal_lm",): "LlamaForCausalLM"},
)
