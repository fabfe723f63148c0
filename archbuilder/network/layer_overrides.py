"""Overrides of some layers of a stack: merged into the settings of each, checked as a layer."""

import re
from collections.abc import Iterable
from functools import reduce
from typing import Annotated, Any

from pydantic import AfterValidator, ValidationError

from archbuilder.language import Spec
from archbuilder.language.partial import merged
from archbuilder.network.stack_layer import StackLayerConfig

_RANGE = r"-?\d+|-?\d*:-?\d*(:(-?[1-9]\d*)?)?"


def _is_range(text: str) -> str:
    if not re.fullmatch(_RANGE, text):
        raise ValueError("must be a layer's number or a slice of them, like '3' or '0::3'")
    return text


class LayerOverride(StackLayerConfig):
    """Settings of some layers of a stack that differ from the stack's."""

    layers: Annotated[str, AfterValidator(_is_range)]
    """A layer's number from 0, or a slice as Python writes it, like "0::3" for every third."""


class _Merged(Spec):
    """The merged layers, by the number of the override at whose line each is checked."""

    overrides: dict[int, LayerOverride]


def overrides_per_layer(overrides: tuple[dict, ...], count: int) -> tuple[tuple[int, ...], ...]:
    """Return the numbers of the overrides of each of `count` layers, in order."""
    ranges = [_layers(override.get("layers"), count) for override in overrides]
    return tuple(
        tuple(number for number, layers in enumerate(ranges) if index in layers)
        for index in range(count)
    )


def settings_after(own: dict[str, Any], overrides: Iterable[dict]) -> dict[str, Any]:
    """Return the settings of a layer with overrides merged in."""
    settings = reduce(merged, overrides, own)
    return {name: value for name, value in settings.items() if name != "layers"}


def check(own: dict[str, Any], overrides: tuple[dict, ...], count: int) -> None:
    """Raise pydantic's `ValidationError` if a layer is not valid once overrides are merged in."""
    numbers_of_layers, invalid = overrides_per_layer(overrides, count), {}
    for numbers in dict.fromkeys(numbers_of_layers):
        settings = own
        for number in numbers:
            changed = merged(settings, overrides[number])
            if _is_valid(changed):
                settings = changed
            else:  # Later overrides are merged into valid settings: a mistake is reported once.
                invalid.setdefault(number, changed)
    for number in set(range(len(overrides))).difference(*numbers_of_layers):
        invalid[number] = merged(own, overrides[number])
    _Merged.model_validate({"overrides": dict(sorted(invalid.items()))})


def _is_valid(settings: dict) -> bool:
    try:
        LayerOverride.model_validate(settings)
    except ValidationError:
        return False
    return True


def _layers(text: Any, count: int) -> range:
    """Return the layers that a text means; all where it is invalid, which is reported elsewhere."""
    every = range(count)
    if not isinstance(text, str) or not re.fullmatch(_RANGE, text):
        return every
    if ":" not in text:
        index = int(text)
        return every[index : index + 1] if index != -1 else every[-1:]
    return every[slice(*(int(part) if part else None for part in text.split(":")))]
