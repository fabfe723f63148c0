"""From where pydantic says that an error is to where that stands in the spec."""

from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from archbuilder.language.node import Mapping, Node, Path, child
from archbuilder.language.partial import Partial
from archbuilder.language.spec import SettingsByName, Spec, type_names


@dataclass
class Spot:
    """A field of the spec: its path, the class it is a field of, and what may stand there.

    `node` is what is written there, if anything; `union` says that the error is about one of
    several kinds of value that may stand there; `named`, that it is an entry of such a mapping.
    """

    path: Path
    owner: type[Spec] | None
    annotation: Any
    node: Node | None
    union: bool = False
    by_name: SettingsByName | None = None

    def type_field(self) -> "Spot":
        """The `type` in this mapping."""
        written = child(self.node, "type") if self.node else None
        return Spot((*self.path, "type"), None, self.annotation, written, by_name=self.by_name)


def descend(root: type[Spec], location: tuple, tree: Mapping) -> Spot:
    """Walk `location` through the types and the written values; names of types are no steps."""
    spot = Spot((), None, root, tree)
    for index, step in enumerate(location):
        annotation = _described(spot.annotation)
        members = _members(annotation)
        if members:
            spot.annotation = _member(members, step)
            spot.union = spot.union or not all(type_names(member) for member in members)
        elif annotation is Any and _is_a_type(step, location[index + 1 :], spot.node):
            continue
        elif step != "[key]":
            below, owner = _below(annotation, step)
            written = child(spot.node, step) if spot.node else None
            by_name = mark(spot.annotation) or (spot.by_name if step == "type" else None)
            spot = Spot((*spot.path, step), owner, below, written, by_name=by_name)
    return spot


def peel(annotation: Any) -> tuple[Any, tuple]:
    """An annotation without its metadata and without its None; and that metadata."""
    metadata: tuple = ()
    while True:
        arguments = get_args(annotation)
        if get_origin(annotation) is Annotated:
            annotation, metadata = arguments[0], (*metadata, *arguments[1:])
        elif get_origin(annotation) in (Union, UnionType) and type(None) in arguments:
            rest = tuple(member for member in arguments if member is not type(None))
            if not rest:
                return annotation, metadata
            annotation = Union[rest]  # noqa: UP007 (rest is only known here)
        else:
            return annotation, metadata


def _described(annotation: Any) -> Any:
    """The annotation without metadata; where it is a partial mapping, the class it is part of."""
    core, metadata = peel(annotation)
    return next((item.spec for item in metadata if isinstance(item, Partial)), core)


def variants(annotation: Any) -> tuple:
    """The members of a union, and those of unions in it; of anything else, itself."""
    members = _members(annotation)
    return tuple(one for member in members for one in variants(member)) or (peel(annotation)[0],)


def _members(annotation: Any) -> tuple:
    core = peel(annotation)[0]
    return get_args(core) if get_origin(core) in (Union, UnionType) else ()


def mark(annotation: Any) -> SettingsByName | None:
    """The mark of `named`, where the annotation has it."""
    return next((item for item in peel(annotation)[1] if isinstance(item, SettingsByName)), None)


def annotation_of(owner: type[Spec], name: Any) -> Any:
    """A field's annotation with its metadata; Any for what is no field."""
    field = owner.model_fields.get(name)
    if field is None:
        return Any
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def _below(annotation: Any, step: Any) -> tuple[Any, type[Spec] | None]:
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        return annotation_of(annotation, step), annotation
    arguments = get_args(annotation)
    if get_origin(annotation) is dict:
        return arguments[1], None
    if get_origin(annotation) is tuple and isinstance(step, int):
        fixed = arguments[-1] is not Ellipsis
        return arguments[step if fixed and step < len(arguments) else 0], None
    return Any, None


def _member(members: tuple, label: Any) -> Any:
    """The member that pydantic calls `label`: by its type's name, or by its class or kind."""
    for member in members:
        if label in type_names(member):
            return member
    for member in members:
        if str(label).startswith("tagged-union") and _members(member):
            return member
        core = peel(member)[0]
        name = getattr(get_origin(core) or core, "__name__", "")
        if name and name.lower() in str(label).lower():
            return member
    return Any


def _is_a_type(step: Any, rest: tuple, node: Node | None) -> bool:
    """Whether, where types are not known, `step` names a variant and not a key."""
    return (
        isinstance(node, Mapping)
        and step not in node.entries
        and rest[:1] != ()
        and (rest[0] in node.entries)
    )
