"""The JSON schema of a spec for editors, with the docstrings of classes and fields."""

import ast
import inspect
import textwrap
from itertools import pairwise
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from archbuilder.language.spec import Spec

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_EXTENDS = {
    "description": "The spec that this spec extends, or a list of specs, of which later ones "
    "override earlier ones. Each is a path relative to this file, or the name of a shipped spec.",
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
}


def json_schema(root: type[Spec]) -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of specs with the root class `root`.

    No field is required, because a spec that extends another may contain only its changes.
    """
    schema = root.model_json_schema(schema_generator=_Generator)
    schema = _partial(schema)
    schema["properties"] = {"extends": _EXTENDS, **schema["properties"]}
    return {"$schema": DIALECT, **schema}


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, with descriptions read from the source."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        json_schema = super().model_schema(schema)
        cls = schema["cls"]
        json_schema["description"] = inspect.cleandoc(cls.__doc__ or "")
        for name, text in _field_docstrings(cls).items():
            if name in json_schema.get("properties", {}):
                json_schema["properties"][name]["description"] = text
        return json_schema

    def field_title_should_be_set(self, schema: object) -> bool:
        return False


def _field_docstrings(cls: type[Spec]) -> dict[str, str]:
    """Return the string literals under the fields of a class and of its base classes."""
    docstrings: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if issubclass(base, Spec) and base is not Spec:
            docstrings |= _own_docstrings(base)
    return docstrings


def _own_docstrings(cls: type[Spec]) -> dict[str, str]:
    """Return the string literals under the fields of a class.

    Pydantic's `use_attribute_docstrings` would read them when a class is created, even if no schema
    is generated, and would add 0.3 s to every command.
    """
    try:
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    except (OSError, TypeError, SyntaxError):
        return {}  # A class defined interactively has no source.
    assert isinstance(definition, ast.ClassDef)
    return {
        field.target.id: " ".join(inspect.cleandoc(text.value.value).split())
        for field, text in pairwise(definition.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def _partial(schema: Any) -> Any:
    """Return the schema without required fields, and with null as a valid value of every field.

    A spec that extends another contains only its changes, and removes values with null. Without
    required fields, several variants can match, so "oneOf" becomes "anyOf".
    """
    if isinstance(schema, list):
        return [_partial(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    partial = {
        {"oneOf": "anyOf"}.get(key, key): value if key in _VERBATIM else _partial(value)
        for key, value in schema.items()
        if key not in ("required", "discriminator", "title")
    }
    if isinstance(schema.get("properties"), dict):
        partial["properties"] = {
            name: _or_null(_partial(value)) for name, value in schema["properties"].items()
        }
    if isinstance(schema.get("additionalProperties"), dict):
        partial["additionalProperties"] = _or_null(partial["additionalProperties"])
    return partial


_VERBATIM = ("default", "const", "enum", "examples", "description")


def _or_null(schema: dict) -> dict:
    if "const" in schema:
        return schema  # A type cannot be removed.
    if "anyOf" in schema:
        null = {"type": "null"}
        return {**schema, "anyOf": [*(item for item in schema["anyOf"] if item != null), null]}
    if "enum" in schema:
        others = {key: value for key, value in schema.items() if key != "type"}
        return {**others, "enum": [*schema["enum"], None]}
    if isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    if "$ref" in schema:
        others = {key: value for key, value in schema.items() if key != "$ref"}
        return {**others, "anyOf": [{"$ref": schema["$ref"]}, {"type": "null"}]}
    return schema
