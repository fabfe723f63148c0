"""A part that says only what differs from another, like the changes to some layers of a stack."""

from dataclasses import dataclass
from typing import Annotated, Any

from archbuilder.language.spec import Spec


@dataclass(frozen=True)
class Partial:
    """The mark that `partial` leaves on a mapping: whose fields it may hold."""

    spec: type[Spec]

    def __get_pydantic_json_schema__(self, core_schema, handler):
        return handler(self.spec.__pydantic_core_schema__)


def partial(spec: type[Spec]) -> Any:
    """A mapping with some fields of `spec`, left as it was written: it is checked once merged.

    A field's nulls stay, since they take away what they are merged into.
    """
    return Annotated[dict[str, Any], Partial(spec)]


def merged(below: Any, above: Any) -> Any:
    """`above` over `below` as `extends` merges: deeply, lists whole, a different type afresh."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    old, new = below.get("type"), above.get("type")
    if old is not None and new is not None and old != new:
        return above
    return {**below, **{name: merged(below.get(name), value) for name, value in above.items()}}
