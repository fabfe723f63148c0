"""Overrides: settings of single layers that differ from the settings of their stack."""

import re
from collections.abc import Iterable
from functools import reduce
from typing import Annotated, Any

from pydantic import AfterValidator, ValidationError

from archbuilder.language import Spec
from archbuilder.language.partial import merge_settings
from archbuilder.network.stack_layer import StackLayerConfig

_RANGE = r"-?\d+|-?\d*:-?\d*(:(-?[1-9]\d*)?)?"


def _is_range(text: str) -> str:
    if not re.fullmatch(_RANGE, text):
        raise ValueError("must be the index of a layer or a slice, such as '3' or '0::3'")
    return text


class LayerOverride(StackLayerConfig):
    """Settings of some layers of a stack that differ from the settings of the stack."""

    layers: Annotated[str, AfterValidator(_is_range)]
    """Zero-based index of a layer, such as "3" or "-1", or a slice as in Python, such as "0::3" for
    every third layer."""


class _Merged(Spec):
    """The merged settings, by the index of the override whose line an error points to."""

    overrides: dict[int, LayerOverride]


def overrides_per_layer(overrides: tuple[dict, ...], count: int) -> tuple[tuple[int, ...], ...]:
    """Return the indices of the overrides that apply to each of `count` layers, in order."""
    ranges = [_layers(override.get("layers"), count) for override in overrides]
    return tuple(
        tuple(index for index, layers in enumerate(ranges) if layer in layers)
        for layer in range(count)
    )


def merged_settings(own: dict[str, Any], overrides: Iterable[dict]) -> dict[str, Any]:
    """Return the settings `own` of the stack with the overrides merged in, in order."""
    settings = reduce(merge_settings, overrides, own)
    return {name: value for name, value in settings.items() if name != "layers"}


def check_overrides(own: dict[str, Any], overrides: tuple[dict, ...], count: int) -> None:
    """Raise pydantic's `ValidationError` if merged settings of a layer are not valid.

    Args:
        own: Settings of the stack.
        overrides: Overrides of the stack, in order.
        count: Number of layers.
    """
    per_layer, invalid = overrides_per_layer(overrides, count), {}
    for indices in dict.fromkeys(per_layer):
        settings = own
        for index in indices:
            changed = merge_settings(settings, overrides[index])
            if _is_valid(changed):
                settings = changed
            else:  # Later overrides are merged into valid settings, to report an error once.
                invalid.setdefault(index, changed)
    for index in set(range(len(overrides))).difference(*per_layer):
        invalid[index] = merge_settings(own, overrides[index])
    _Merged.model_validate({"overrides": dict(sorted(invalid.items()))})


def _is_valid(settings: dict) -> bool:
    try:
        LayerOverride.model_validate(settings)
    except ValidationError:
        return False
    return True


def _layers(text: Any, count: int) -> range:
    """Return the layers that `text` selects; all if it is invalid, which is reported elsewhere."""
    all_layers = range(count)
    if not isinstance(text, str) or not re.fullmatch(_RANGE, text):
        return all_layers
    if ":" not in text:
        index = int(text)
        return all_layers[index : index + 1] if index != -1 else all_layers[-1:]
    return all_layers[slice(*(int(bound) if bound else None for bound in text.split(":")))]
