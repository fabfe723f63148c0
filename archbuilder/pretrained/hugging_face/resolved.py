"""Models as plain data, with resolved defaults that depend on other settings."""

from typing import Any

from archbuilder.network.backbone import BackboneConfig
from archbuilder.network.stack import StackConfig
from archbuilder.network.stack_layer import StackLayerConfig

_ONLY_IN_TRAINING = ("dropout", "final_dropout", "stochastic_depth")
"""Settings without effect on the outputs of a trained model."""


def writable_model(model: BackboneConfig) -> dict[str, Any]:
    """Return a model as plain data with resolved attention and the `layers` of each stack."""
    plain = model.model_dump(mode="json")
    for name in ("encoder", "decoder"):
        stack = getattr(model, name)
        if stack is not None:
            plain[name]["attention"] = stack.attention.resolved(model.hidden_dim)
            plain[name]["layers"] = [layer.model_dump(mode="json") for layer in stack.layers]
    return plain


def comparable_model(model: BackboneConfig) -> dict[str, Any]:
    """Return a model as plain data for comparison: all layers, but only settings with an effect."""
    plain = model.model_dump(mode="json", exclude={"encoder", "decoder", "initializer"})
    for name in ("encoder", "decoder"):
        stack = getattr(model, name)
        if stack is not None:
            plain[name] = _stack(
                stack, model, has_cross_attention=name == "decoder" and model.is_encoder_decoder
            )
    if model.is_encoder_decoder and model.target_vocabulary_size == model.vocabulary_size:
        plain["target_vocabulary_size"] = None
    return _without_training(plain)


def _stack(stack: StackConfig, model: BackboneConfig, has_cross_attention: bool) -> dict[str, Any]:
    final_norm = stack.norm_placement != "post" if stack.final_norm is None else stack.final_norm
    plain = {
        "num_layers": stack.num_layers,
        "num_layer_groups": stack.num_layers // stack.layers_in_group,
        "skip_first_norm": stack.skip_first_norm,
        "final_norm": final_norm,
    }
    layers = enumerate(
        _layer(layer, model.hidden_dim, has_cross_attention) for layer in stack.layers
    )
    return plain | {f"layer {number}": layer for number, layer in layers}


def _layer(layer: StackLayerConfig, dim: int, has_cross_attention: bool) -> dict[str, Any]:
    plain = layer.model_dump(mode="json", include=set(type(layer).model_fields))
    plain["attention"] = layer.attention.resolved(dim)
    cross_attention = layer.cross_attention or layer.attention.for_cross_attention()
    plain["cross_attention"] = cross_attention.resolved(dim) if has_cross_attention else None
    return plain


def _without_training(plain: Any) -> Any:
    if not isinstance(plain, dict):
        return plain
    return {
        name: _without_training(value)
        for name, value in plain.items()
        if name not in _ONLY_IN_TRAINING
    }
