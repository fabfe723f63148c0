"""Changes to some layers of a stack: merged into each layer's own settings, checked as a layer."""

import re
from collections.abc import Iterable
from functools import reduce
from typing import Annotated, Any

from pydantic import Field

from archbuilder.language import Spec
from archbuilder.language.partial import merged
from archbuilder.network.stack_layer import Layer

_RANGE = r"^(-?\d+|-?\d*:-?\d*(:-?[1-9]\d*)?)$"


class Change(Layer):
    """What differs in some layers of a stack."""

    layers: Annotated[str, Field(pattern=_RANGE)]
    """Which: a number from 0, or a slice as Python writes it, like "0::3" for every third."""


class Changed(Spec):
    """The layers that changes make, by the number of the change, to be checked at its line."""

    overrides: dict[int, Change]

    @classmethod
    def check(cls, settings: dict[int, dict]) -> None:
        """Raises pydantic's `ValidationError` for settings that make no layer."""
        cls.model_validate({"overrides": settings})


def concerning(changes: tuple[dict, ...], count: int) -> tuple[tuple[int, ...], ...]:
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
    found: dict[int, list[dict]] = {number: [] for number in range(len(changes))}
    for numbers in dict.fromkeys(concerning(changes, count)):
        settings = own
        for number in numbers:
            settings = merged(settings, changes[number])
            found[number].append(settings)
    alone = {number: merged(own, change) for number, change in enumerate(changes)}
    Changed.check({number: (made or [alone[number]])[0] for number, made in found.items()})
    for number, made in found.items():
        for settings in made[1:]:
            Changed.check({number: settings})


def _layers(text: Any, count: int) -> range:
    """The layers that a text means; all of them where it is not sound, which is told elsewhere."""
    every = range(count)
    if not isinstance(text, str) or not re.match(_RANGE, text):
        return every
    if ":" not in text:
        index = int(text)
        return every[index : index + 1] if index != -1 else every[-1:]
    return every[slice(*(int(part) if part else None for part in text.split(":")))]
