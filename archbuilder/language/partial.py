"""Mappings with only some fields of a spec, such as the overrides of some layers of a stack."""

from dataclasses import dataclass
from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from archbuilder.language.spec import Spec


@dataclass(frozen=True)
class Partial:
    """A marker of mappings with some fields of `spec`: `Annotated[dict[str, Any], Partial(Layer)]`.

    The mapping is kept as written and is validated after it is merged into complete settings. Null
    values are kept as well, because they remove values in the merge.
    """

    spec: type[Spec]

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the JSON schema of `spec`."""
        return handler(self.spec.__pydantic_core_schema__)


def merge_settings(base: Any, override: Any) -> Any:
    """Return `base` with the values of `override`, merged in the same way as `extends` does.

    Mappings are merged recursively. Lists are replaced, and so are mappings of a different `type`.
    """
    if not isinstance(base, dict) or not isinstance(override, dict):
        return override
    base_type, new_type = base.get("type"), override.get("type")
    if base_type is not None and new_type is not None and base_type != new_type:
        return override
    values = {key: merge_settings(base.get(key), value) for key, value in override.items()}
    return {**base, **values}
