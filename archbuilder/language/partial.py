"""A part that says only what differs from another, like the changes to some layers of a stack."""

from dataclasses import dataclass
from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from archbuilder.language.spec import Spec


@dataclass(frozen=True)
class Partial:
    """Marks a mapping with some fields of `spec`: `Annotated[dict[str, Any], Partial(Layer)]`.

    The mapping is left as it was written and checked once merged. A field's nulls stay, since they
    remove what they are merged into.
    """

    spec: type[Spec]

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(self.spec.__pydantic_core_schema__)


def merge_settings(below: Any, above: Any) -> Any:
    """`above` over `below` as `extends` merges: deeply, lists whole, a different type afresh."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    old, new = below.get("type"), above.get("type")
    if old is not None and new is not None and old != new:
        return above
    return {
        **below,
        **{name: merge_settings(below.get(name), value) for name, value in above.items()},
    }
