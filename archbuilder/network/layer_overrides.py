"""Changes to some layers of a stack: merged into each layer's own settings, checked as a layer."""

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
    """What differs in some layers of a stack."""

    layers: Annotated[str, AfterValidator(_is_range)]
    """Which: a number from 0, or a slice as Python writes it, like "0::3" for every third."""


class _Merged(Spec):
    """The layers that changes make, by the number of the change, to be checked at its line."""

    overrides: dict[int, LayerOverride]


def overrides_per_layer(changes: tuple[dict, ...], count: int) -> tuple[tuple[int, ...], ...]:
    """For each of `count` layers, the numbers of the changes that concern it, in order."""
    where = [_layers(change.get("layers"), count) for change in changes]
    return tuple(
        tuple(number for number, layers in enumerate(where) if index in layers)
        for index in range(count)
    )


def settings_after(own: dict[str, Any], changes: Iterable[dict]) -> dict[str, Any]:
    """A layer's settings with changes merged in."""
    found = reduce(merged, changes, own)
    return {name: value for name, value in found.items() if name != "layers"}


def check(own: dict[str, Any], changes: tuple[dict, ...], count: int) -> None:
    """Raises pydantic's `ValidationError` for what is no layer once changes are merged in."""
    numbers_of_layers, unsound = overrides_per_layer(changes, count), {}
    for numbers in dict.fromkeys(numbers_of_layers):
        settings = own
        for number in numbers:
            changed = merged(settings, changes[number])
            if _is_sound(changed):
                settings = changed
            else:  # Later changes are merged into what was sound: each mistake is told once.
                unsound.setdefault(number, changed)
    for number in set(range(len(changes))).difference(*numbers_of_layers):
        unsound[number] = merged(own, changes[number])
    _Merged.model_validate({"overrides": dict(sorted(unsound.items()))})


def _is_sound(settings: dict) -> bool:
    try:
        LayerOverride.model_validate(settings)
    except ValidationError:
        return False
    return True


def _layers(text: Any, count: int) -> range:
    """The layers that a text means; all of them where it is not sound, which is told elsewhere."""
    every = range(count)
    if not isinstance(text, str) or not re.fullmatch(_RANGE, text):
        return every
    if ":" not in text:
        index = int(text)
        return every[index : index + 1] if index != -1 else every[-1:]
    return every[slice(*(int(part) if part else None for part in text.split(":")))]
