"""What is wrong with one value, in plain words."""

import difflib
import math
from collections.abc import Iterable
from typing import Any, Literal, get_args, get_origin

from pydantic_core.core_schema import ErrorType

from archbuilder.language.error_location import peel, variants
from archbuilder.language.node import Mapping, Node, Path, Scalar, Sequence, quote
from archbuilder.language.spec import type_names

KINDS = {
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


def wanted(error: dict, annotation: Any) -> str | None:
    """What must stand there: the X of "must be X, not Y"; None where that is not how to say it."""
    context = error.get("ctx", {})
    match error["type"]:
        case "literal_error" | "union_tag_invalid":
            return _one_of(literals(annotation) or _listed(context.get("expected", "")))
        case "greater_than":
            return _above(context["gt"], annotation)
        case "greater_than_equal":
            return f"at least {_number(context['ge'])}"
        case "less_than":
            return _below(context["lt"], annotation)
        case "less_than_equal":
            return f"at most {_number(context['le'])}"
        case "multiple_of":
            return f"a multiple of {_number(context['multiple_of'])}"
        case kind:
            return KINDS.get(kind)


def other(error: dict, annotation: Any) -> str:
    """The sentence for an error that has no "must be X, not Y"."""
    context = error.get("ctx", {})
    match error["type"]:
        case "missing" | "too_long" if _length(annotation):
            return f"must have {_length(annotation)} items, not {len(error['input'])}"
        case "missing" if get_origin(peel(annotation)[0]) is Literal:
            return f"missing required field; it is {_one_of(literals(annotation))}"
        case "missing":
            return "missing required field"
        case "union_tag_not_found":
            return f"missing required field; it is {_one_of(literals(annotation))}"
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
        case kind if kind in get_args(ErrorType):
            return "this value cannot stand here"
    return error["msg"]  # A PydanticCustomError of ours: its message is a sentence already.


def _length(annotation: Any) -> int:
    """The number of items in a tuple of fixed length, else nothing."""
    core = peel(annotation)[0]
    fixed = get_origin(core) is tuple and Ellipsis not in get_args(core)
    return len(get_args(core)) if fixed else 0


def described(node: Node | None, value: Any, bare: bool = False) -> str:
    """What was found: "the text 'four'", "a mapping"; `bare` leaves out what kind it is."""
    if isinstance(node, Mapping) or (node is None and isinstance(value, dict)):
        return "a mapping"
    if isinstance(node, Sequence) or (node is None and isinstance(value, list | tuple)):
        return "a list"
    written = node.text if isinstance(node, Scalar) else None
    value = node.value if isinstance(node, Scalar) else value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quote(value) if bare else f"the text {quote(value)}"
    if isinstance(value, int | float):
        number = written or repr(value)
        number = number if len(number) <= 60 else number[:57] + "..."
        return number if bare else f"the number {number}"
    return "what is there"


def literals(annotation: Any) -> tuple:
    """The values of a Literal, or the types that a union of specs can have."""
    found: list = []
    for member in variants(annotation):
        core = peel(member)[0]
        found += get_args(core) if get_origin(core) is Literal else type_names(core)
    return tuple(dict.fromkeys(found))


def closest_name(name: object, names: Iterable[object], cutoff: float = 0.6) -> str | None:
    """Return the name that is most similar to `name`, ignoring case, or None.

    Args:
        name: What was written.
        names: What may have been meant; only the texts among them count.
        cutoff: The least similarity that counts, from 0 to 1 (see `difflib.get_close_matches`).
    """
    texts = {text.lower(): text for text in names if isinstance(text, str)}
    matches = difflib.get_close_matches(str(name).lower(), texts, 1, cutoff)
    return texts[matches[0]] if matches else None


def suggestion(name: object, names: Iterable[object]) -> str:
    """Return the end of a sentence that asks for the most similar name; empty if there is none."""
    match = closest_name(name, names)
    return f"; did you mean {quote(match)}?" if match else ""


def unknown_name(path: Path, names: Iterable[str]) -> str:
    """The sentence for a name in a `named` mapping that is no type."""
    *_, field, name = path
    names = tuple(names)
    kind = str(field).removesuffix("s")
    found = closest_name(name, names)
    known = f"did you mean {quote(found)}?" if found else f"write its type, {_one_of(names)}"
    return f"unknown {kind} type {quote(str(name))}; {known}"


def _one_of(values: tuple) -> str:
    shown = [_constant(value) for value in values]
    return shown[0] if len(shown) == 1 else "one of " + ", ".join(shown)


def _constant(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _listed(expected: str) -> tuple[str, ...]:
    return tuple(part.strip("' ") for part in expected.replace(" or ", ", ").split(","))


def _above(bound: float, annotation: Any) -> str:
    if variants(annotation) == (int,):
        return f"at least {math.floor(bound) + 1}"
    return f"more than {_number(bound)}"


def _below(bound: float, annotation: Any) -> str:
    if variants(annotation) == (int,):
        return f"at most {math.ceil(bound) - 1}"
    return f"less than {_number(bound)}"


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
