"""ModernBERT (Warner et al., 2024): rotary positions, and sliding windows in most layers."""

from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from archbuilder.pretrained.hugging_face.architecture import HFArchitecture
from archbuilder.pretrained.hugging_face.config import Config, unsupported_field
from archbuilder.pretrained.hugging_face.fields import (
    ACTIVATION,
    BIASES,
    Conversion,
    Field,
    Row,
    Tree,
    Unused,
    stack,
    unwritten,
)
from archbuilder.pretrained.hugging_face.weight_names import WeightNames, add_prefixes, projections

_FULL, _SLIDING = "full_attention", "sliding_attention"
"""Types of layers: with attention to all tokens, and with a sliding window."""


@dataclass(frozen=True)
class _LayerTypes(Row):
    """The layers with a sliding window, the window size, and the wavelengths of both types."""

    @override
    def read(self, config: Config, spec: Tree) -> None:
        encoder, wavelengths = spec["encoder"], config.get("rope_parameters", {})
        interval = config.get("global_attn_every_n_layers", 3)
        default = [
            _SLIDING if index % interval else _FULL for index in range(encoder["num_layers"])
        ]
        types = config.get("layer_types", default)
        if len(types) != len(default):
            raise unsupported_field("layer_types", types)
        full_layers = [str(index) for index, type_ in enumerate(types) if type_ == _FULL]
        if types == default:
            full_layers = [f"0::{interval}"]
        sliding = _wavelength(wavelengths.get(_SLIDING), config.get("local_rope_theta", 1e4))
        full = _wavelength(wavelengths.get(_FULL), config.get("global_rope_theta", 1.6e5))
        encoder["attention"] |= {
            "positions": {"type": "rotary", "max_wavelength": sliding},
            "sliding_window_size": config.get("local_attention", 128),
        }
        unlimited = {"sliding_window_size": None, "positions": {"max_wavelength": full}}
        encoder["overrides"] = [
            {"layers": layers, "attention": unlimited} for layers in full_layers
        ]

    @override
    def write(self, model: Tree, fields: dict[str, Any]) -> None:
        attentions = [layer["attention"] for layer in model["encoder"]["layers"]]
        windows = {attention["sliding_window_size"] for attention in attentions} - {None}
        types = [
            _SLIDING if attention["sliding_window_size"] else _FULL for attention in attentions
        ]
        fields["layer_types"] = types
        fields["rope_parameters"] = {
            type_: {
                "rope_type": "default",
                "rope_theta": (attention["positions"] or {}).get("max_wavelength", 0.0),
            }
            for type_, attention in zip(types, attentions, strict=True)
        }
        if windows:
            fields["local_attention"] = max(windows)


def _wavelength(parameters: dict[str, Any] | None, default: float) -> float:
    """Return the wavelength of a type of layer.

    Args:
        parameters: The value of `rope_parameters` for this type.
        default: The wavelength in the field of older files.
    """
    parameters = parameters or {}
    if parameters.get("rope_type", "default") != "default" or parameters.keys() - {
        "rope_type",
        "rope_theta",
    }:
        raise unsupported_field("rope_parameters", parameters)
    return float(parameters.get("rope_theta", default))


_NORMS = ("encoder.norm", "embeddings.norm", "heads.masked_lm.norm")
_NORM = {"type": "layer_norm"}
_BOOLEAN = Conversion(write=bool)

MODERNBERT = HFArchitecture(
    "modernbert",
    {
        "embeddings": {"tie": "output", "norm": _NORM},
        "positions": {"type": "none"},
        "encoder": stack("gated", _NORM, norm_placement="pre", skip_first_norm=True),
        "heads": {"masked_lm": {"activation": "gelu", "norm": _NORM}},
    },
    (
        *unwritten(decoder_bias=True, tie_word_embeddings=True, classifier_activation="gelu"),
        Unused("layer_norm_eps"),
        Unused("position_embedding_type"),
        Field("vocab_size", "vocabulary_size"),
        Field("hidden_size", "hidden_dim"),
        Field("num_hidden_layers", "encoder.num_layers"),
        Field("num_attention_heads", "encoder.attention.num_heads"),
        Field("intermediate_size", "encoder.feed_forward.intermediate_dim"),
        Field("hidden_activation", "encoder.feed_forward.activation", "gelu", ACTIVATION),
        Unused("max_position_embeddings", 8192),  # Rotary positions have no limit.
        Field("norm_eps", tuple(f"{norm}.epsilon" for norm in _NORMS), 1e-5),
        Field("norm_bias", tuple(f"{norm}.use_bias" for norm in _NORMS), False, absent=False),
        Field("attention_bias", "encoder.attention.biases", False, BIASES),
        Field("attention_dropout", "encoder.attention.dropout", 0.0),
        Field("embedding_dropout", "embeddings.dropout", 0.0),
        Field("mlp_bias", "encoder.feed_forward.use_bias", False),
        Field("mlp_dropout", "encoder.feed_forward.dropout", 0.0),
        Field("classifier_bias", "heads.masked_lm.transform_bias", False, _BOOLEAN, absent=False),
        _LayerTypes(),
    ),
    WeightNames(
        {
            "embeddings.tokens": "model.embeddings.tok_embeddings",
            "embeddings.norm": "model.embeddings.norm",
            **add_prefixes(
                "encoder.layers.{i}",
                "model.layers.{i}",
                {
                    **projections("attention", "Wqkv[0/3] Wqkv[1/3] Wqkv[2/3] Wo", "attn.*"),
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
        },
        "model",
    ),
    {(): "ModernBertModel", ("masked_lm",): "ModernBertForMaskedLM"},
    special_ids={"pad": "padding", "bos": "start", "eos": "end", "cls": "start", "sep": "end"},
)
