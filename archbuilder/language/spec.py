"""The base class of all parts of a spec: frozen, strict, and without unknown fields."""

import os
import re
from dataclasses import dataclass
from typing import Annotated, Any, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from archbuilder.language.node import quote


class Spec(BaseModel):
    """A part of a spec. Each field is a key in YAML, with its type, bounds and default."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _normalize_yaml(cls, data: Any) -> Any:
        """Return the values without null, which means unset, and with tuples instead of lists."""
        if not isinstance(data, dict):
            return data
        # The null of an unknown field is kept, so that the field is reported as unknown.
        return {
            name: _tuples(value)
            for name, value in data.items()
            if value is not None or name not in cls.model_fields
        }


def _tuples(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {name: _tuples(item) for name, item in value.items()}
    return value


def absolute_path(value: Any) -> Any:
    """Return the absolute path for a path in a spec.

    Environment variables (`${NAME}`) and `~` are expanded. A relative path refers to the folder of
    the file in which it is written, or else to the current folder.

    Args:
        value: The value in the spec. A value that is not text is returned as it is, so that
            pydantic reports its type.

    Raises:
        ValueError: The path is empty, or an environment variable is invalid or not set.
    """
    if not isinstance(value, str):
        return value
    if not value:
        raise ValueError("must not be empty")
    path = os.path.expanduser(re.sub(r"\$\{([^}]*)\}", _variable, value))
    return os.path.abspath(os.path.join(getattr(value, "folder", os.getcwd()), path))


def _variable(match: re.Match) -> str:
    name = match[1]
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError(f"{quote(match[0])} does not name an environment variable")
    if name not in os.environ:
        raise ValueError(f"the environment variable {name} is not set")
    return os.environ[name]


FilePath = Annotated[str, BeforeValidator(absolute_path)]
"""A path, which becomes absolute: `${NAME}` and `~` are expanded, and a relative path refers to the
folder of the file in which it is written."""


@dataclass(frozen=True)
class SettingsByName:
    """A marker of mappings from names to settings. A name is the default `type` of its settings.

    `Annotated[dict[str, MaskedLM | Classification], SettingsByName()]` accepts
    `{masked_lm: {}, topic: {type: classification, num_classes: 4}}`.
    """

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Return the schema that adds missing types and then validates the mapping."""
        key, value = get_args(source)
        if get_args(value):
            value = Annotated[value, Field(discriminator="type")]
        mapping: Any = dict
        return core_schema.no_info_before_validator_function(
            _add_types, handler(mapping[key, value])
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the JSON schema with a property for each type that is a valid name."""
        json_schema = handler(schema)
        value = json_schema["additionalProperties"]
        json_schema["properties"] = {
            name: dict(variant)
            for variant in value.get("oneOf", [value])
            for name in _type_names(handler.resolve_ref_schema(variant))
        }
        return json_schema


def _add_types(value: Any) -> Any:
    """Return the mapping with each name as the `type` of its settings, unless they have a type."""
    if not isinstance(value, dict):
        return value
    return {
        name: _with_type(name, settings) if isinstance(settings, dict) else settings
        for name, settings in value.items()
        if settings is not None
    }


def _with_type(name: str, settings: dict) -> dict:
    return settings if settings.get("type") is not None else {**settings, "type": name}


def _type_names(json_schema: JsonSchemaValue) -> list[str]:
    """Return the values of the `type` of a variant's JSON schema."""
    field = json_schema["properties"]["type"]
    return field["enum"] if "enum" in field else [field["const"]]


def type_names(variant: Any) -> tuple[str, ...]:
    """Return the valid values of the field `type` of a class, or () if it has no such field."""
    if not isinstance(variant, type) or not issubclass(variant, BaseModel):
        return ()
    field = variant.model_fields.get("type")
    return get_args(field.annotation) if field else ()
