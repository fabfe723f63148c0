"""Error messages for a single value of a spec."""

import difflib
import math
from collections.abc import Iterable
from typing import Any, Literal, get_args, get_origin

from pydantic_core.core_schema import ErrorType

from archbuilder.language.error_location import peel, variants
from archbuilder.language.node import Mapping, Node, Path, Scalar, Sequence, quote
from archbuilder.language.spec import type_names

EXPECTED_TYPES = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "int_parsing": "an integer",
    "int_parsing_size": "a smaller integer",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
    "none_required": "null",
}
"""The expected type by pydantic's error type."""


def expectation(error: dict, annotation: Any) -> str | None:
    """Return the expected value, the X in "must be X, not Y".

    Args:
        error: Pydantic's error.
        annotation: The annotation of the value.

    Returns:
        The expected value, or None if the message of the error has another form.
    """
    context = error.get("ctx", {})
    match error["type"]:
        case "literal_error" | "union_tag_invalid":
            return _choices(literals(annotation) or _split_choices(context.get("expected", "")))
        case "greater_than":
            return _more_than(context["gt"], annotation)
        case "greater_than_equal":
            return f"at least {_number(context['ge'])}"
        case "less_than":
            return _less_than(context["lt"], annotation)
        case "less_than_equal":
            return f"at most {_number(context['le'])}"
        case "multiple_of":
            return f"a multiple of {_number(context['multiple_of'])}"
        case error_type:
            return EXPECTED_TYPES.get(error_type)


def other_message(error: dict, annotation: Any) -> str:
    """Return the message for an error that does not have the form "must be X, not Y"."""
    context = error.get("ctx", {})
    match error["type"]:
        case "missing" | "too_long" if _length(annotation):
            return f"must have {_length(annotation)} items, not {len(error['input'])}"
        case "missing" if get_origin(peel(annotation)[0]) is Literal:
            return f"missing required field; it must be {_choices(literals(annotation))}"
        case "missing":
            return "missing required field"
        case "union_tag_not_found":
            return f"missing required field; it must be {_choices(literals(annotation))}"
        case "value_error" | "assertion_error":
            return str(context["error"])
        case "string_too_short" if context["min_length"] == 1:
            return "must not be empty"
        case "string_too_short":
            return f"must have at least {context['min_length']} characters"
        case "string_too_long":
            return f"must have at most {context['max_length']} characters"
        case "string_pattern_mismatch":
            return f"must match the pattern {context['pattern']}"
        case "too_short" if context["min_length"] == 1:
            return "must have at least one item"
        case "too_short":
            return (
                f"must have at least {context['min_length']} items, not {context['actual_length']}"
            )
        case "too_long":
            return f"must have at most {context['max_length']} items"
        case error_type if error_type in get_args(ErrorType):
            return "invalid value"
    return error["msg"]  # A PydanticCustomError of a spec class: its message is for users.


def _length(annotation: Any) -> int:
    """Return the number of items in a tuple of fixed length, or 0 for any other type."""
    core = peel(annotation)[0]
    has_fixed_length = get_origin(core) is tuple and Ellipsis not in get_args(core)
    return len(get_args(core)) if has_fixed_length else 0


def describe(node: Node | None, value: Any, bare: bool = False) -> str:
    """Return a description of the actual value, such as "the text 'four'" or "a mapping".

    Args:
        node: The value in the spec, or None if the field is not set.
        value: The value that pydantic reports, which is used without a node.
        bare: Whether a text or a number is described without its type. Default: False.
    """
    if isinstance(node, Mapping) or (node is None and isinstance(value, dict)):
        return "a mapping"
    if isinstance(node, Sequence) or (node is None and isinstance(value, list | tuple)):
        return "a list"
    source_text = node.text if isinstance(node, Scalar) else None
    value = node.value if isinstance(node, Scalar) else value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quote(value) if bare else f"the text {quote(value)}"
    if isinstance(value, int | float):
        number = source_text or repr(value)
        number = number if len(number) <= 60 else number[:57] + "..."
        return number if bare else f"the number {number}"
    return "this value"


def literals(annotation: Any) -> tuple:
    """Return the values of a Literal, or the types of the classes in a union."""
    values: list = []
    for member in variants(annotation):
        core = peel(member)[0]
        values += get_args(core) if get_origin(core) is Literal else type_names(core)
    return tuple(dict.fromkeys(values))


def closest_name(name: object, names: Iterable[object], cutoff: float = 0.6) -> str | None:
    """Return the name that is most similar to `name`, ignoring case, or None.

    Args:
        name: The unknown name.
        names: The valid names. Values that are not texts are ignored.
        cutoff: Minimum similarity from 0 to 1, as in `difflib.get_close_matches`. Default: 0.6.
    """
    texts = {text.lower(): text for text in names if isinstance(text, str)}
    matches = difflib.get_close_matches(str(name).lower(), texts, 1, cutoff)
    return texts[matches[0]] if matches else None


def suggestion(name: object, names: Iterable[object]) -> str:
    """Return "; did you mean '...'?" with the most similar name, or "" if no name is similar."""
    match = closest_name(name, names)
    return f"; did you mean {quote(match)}?" if match else ""


def unknown_name(path: Path, names: Iterable[str]) -> str:
    """Return the message for a name in a `SettingsByName` mapping that is not a type.

    Args:
        path: Path of the entry, which ends with the field and the name.
        names: The valid types.
    """
    *_, field, name = path
    names = tuple(names)
    entry = str(field).removesuffix("s")
    match = closest_name(name, names)
    fix = f"did you mean {quote(match)}?" if match else f"set its type to {_choices(names)}"
    return f"unknown {entry} type {quote(str(name))}; {fix}"


def _choices(values: tuple) -> str:
    shown = [_format_choice(value) for value in values]
    return shown[0] if len(shown) == 1 else "one of " + ", ".join(shown)


def _format_choice(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _split_choices(expected: str) -> tuple[str, ...]:
    return tuple(choice.strip("' ") for choice in expected.replace(" or ", ", ").split(","))


def _more_than(bound: float, annotation: Any) -> str:
    if variants(annotation) == (int,):
        return f"at least {math.floor(bound) + 1}"
    return f"more than {_number(bound)}"


def _less_than(bound: float, annotation: Any) -> str:
    if variants(annotation) == (int,):
        return f"at most {math.ceil(bound) - 1}"
    return f"less than {_number(bound)}"


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
