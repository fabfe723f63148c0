"""What every description in a spec is: frozen, strict, and closed to unknown fields."""

import os
import re
from dataclasses import dataclass
from typing import Annotated, Any, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from archbuilder.language.node import quote


class Spec(BaseModel):
    """A part of a spec: each field is a key in YAML, with its type, bounds and default."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _as_yaml_says(cls, data: Any) -> Any:
        """A null is as if never written; a list is a tuple, which strict validation asks for."""
        if not isinstance(data, dict):
            return data
        # The null of an unknown field stays, and is told: whoever wrote it meant some field.
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


def file_path(value: Any) -> Any:
    """The absolute path that a text in a spec means; what is no text is left to its own mistake."""
    if not isinstance(value, str):
        return value
    if not value:
        raise ValueError("must not be empty")
    path = os.path.expanduser(re.sub(r"\$\{([^}]*)\}", _variable, value))
    return os.path.abspath(os.path.join(getattr(value, "folder", os.getcwd()), path))


def _variable(found: re.Match) -> str:
    name = found[1]
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError(f"{quote(found[0])} does not name an environment variable")
    if name not in os.environ:
        raise ValueError(f"the environment variable {name} is not set")
    return os.environ[name]


FilePath = Annotated[str, BeforeValidator(file_path)]
"""A path, absolute once read: `${NAME}` and `~` are expanded, and what is relative is relative to
the file in which it is written."""


@dataclass(frozen=True)
class Named:
    """The mark that `named` leaves on a mapping: the variants by type."""

    types: tuple[tuple[str, type[Spec]], ...]

    def write_types(self, value: Any) -> Any:
        """The mapping with each name as the type of its settings, unless they say their own."""
        if not isinstance(value, dict):
            return value
        return {
            name: _with_type(name, settings) if isinstance(settings, dict) else settings
            for name, settings in value.items()
            if settings is not None
        }

    def __get_pydantic_json_schema__(self, core_schema, handler):
        schema = handler(core_schema)
        value = schema["additionalProperties"]
        variants = value.get("oneOf", [value])
        names = (name for name, _ in self.types)
        schema["properties"] = {
            name: dict(variant) for name, variant in zip(names, variants, strict=True)
        }
        return schema


def _with_type(name: str, settings: dict) -> dict:
    return settings if settings.get("type") is not None else {**settings, "type": name}


def named(union: Any) -> Any:
    """A mapping from names to settings of one of `union`'s types; the name is the type by default.

    `{masked_lm: {}, topic: {type: classification, num_classes: 4}}` holds two kinds of settings.
    """
    variants = get_args(union) or (union,)
    types = {name: variant for variant in variants for name in type_names(variant)}
    mark = Named(tuple(types.items()))
    value = union if len(variants) == 1 else Annotated[union, Field(discriminator="type")]
    return Annotated[dict[str, value], BeforeValidator(mark.write_types), mark]


def type_names(variant: Any) -> tuple[str, ...]:
    """What may stand after `type:` for a class; nothing where it has no such field."""
    if not isinstance(variant, type) or not issubclass(variant, BaseModel):
        return ()
    field = variant.model_fields.get("type")
    return get_args(field.annotation) if field else ()
