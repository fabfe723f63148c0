"""Mapping from pydantic's error locations to fields and nodes of the spec."""

from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from archbuilder.language.node import Mapping, Node, Path, child
from archbuilder.language.partial import Partial
from archbuilder.language.spec import SettingsByName, Spec, type_names


@dataclass
class FieldLocation:
    """A field of the spec that an error is about."""

    path: Path
    """Keys and list indices from the root to the field."""
    owner: type[Spec] | None
    """The class that the field belongs to, or None if it belongs to a dictionary or a list."""
    annotation: Any
    """The annotation of the field's values. `Any` if it is unknown."""
    node: Node | None
    """The value in the spec, or None if the field is not set."""
    union: bool = False
    """Whether the error is about one type of several that the value may have. Default: False."""
    by_name: SettingsByName | None = None
    """The marker of the mapping if the field is an entry of `SettingsByName`. Default: None."""

    def type_field(self) -> "FieldLocation":
        """Return the location of the key `type` in this mapping."""
        node = child(self.node, "type") if self.node else None
        path = (*self.path, "type")
        return FieldLocation(path, None, self.annotation, node, by_name=self.by_name)


def locate_field(root: type[Spec], location: tuple, tree: Mapping) -> FieldLocation:
    """Return the field at a location that pydantic reports.

    Args:
        root: The class of the whole spec.
        location: Pydantic's `loc`: keys, list indices, and labels of union members. Labels are
            not part of the path.
        tree: The tree of the whole spec.
    """
    field = FieldLocation((), None, root, tree)
    for index, key in enumerate(location):
        annotation = _without_partial(field.annotation)
        members = _members(annotation)
        if members:
            field.annotation = _member(members, key)
            field.union = field.union or not all(type_names(member) for member in members)
        elif annotation is Any and _is_label(key, location[index + 1 :], field.node):
            continue
        elif key != "[key]":
            value_annotation, owner = _value_annotation(annotation, key)
            node = child(field.node, key) if field.node else None
            by_name = marker(field.annotation) or (field.by_name if key == "type" else None)
            path = (*field.path, key)
            field = FieldLocation(path, owner, value_annotation, node, by_name=by_name)
    return field


def peel(annotation: Any) -> tuple[Any, tuple]:
    """Return the annotation without metadata and without None, and the metadata."""
    metadata: tuple = ()
    while True:
        arguments = get_args(annotation)
        if get_origin(annotation) is Annotated:
            annotation, metadata = arguments[0], (*metadata, *arguments[1:])
        elif get_origin(annotation) in (Union, UnionType) and type(None) in arguments:
            others = tuple(member for member in arguments if member is not type(None))
            if not others:
                return annotation, metadata
            annotation = Union[others]  # noqa: UP007 (the members are only known at run time)
        else:
            return annotation, metadata


def _without_partial(annotation: Any) -> Any:
    """Return the annotation without metadata, or the class that a partial mapping belongs to."""
    core, metadata = peel(annotation)
    return next((item.spec for item in metadata if isinstance(item, Partial)), core)


def variants(annotation: Any) -> tuple:
    """Return the members of a union, recursively, or the annotation itself as a tuple of 1."""
    members = _members(annotation)
    nested = tuple(variant for member in members for variant in variants(member))
    return nested or (peel(annotation)[0],)


def _members(annotation: Any) -> tuple:
    core = peel(annotation)[0]
    return get_args(core) if get_origin(core) in (Union, UnionType) else ()


def marker(annotation: Any) -> SettingsByName | None:
    """Return the annotation's `SettingsByName`, or None if it has none."""
    return next((item for item in peel(annotation)[1] if isinstance(item, SettingsByName)), None)


def annotation_of(owner: type[Spec], name: Any) -> Any:
    """Return a field's annotation with its metadata, or `Any` if the field is unknown."""
    field = owner.model_fields.get(name)
    if field is None:
        return Any
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def _value_annotation(annotation: Any, key: Any) -> tuple[Any, type[Spec] | None]:
    """Return the annotation of the value at `key`, and the class that `key` is a field of."""
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        return annotation_of(annotation, key), annotation
    arguments = get_args(annotation)
    if get_origin(annotation) is dict:
        return arguments[1], None
    if get_origin(annotation) is tuple and isinstance(key, int):
        has_fixed_length = arguments[-1] is not Ellipsis
        return arguments[key if has_fixed_length and key < len(arguments) else 0], None
    return Any, None


def _member(members: tuple, label: Any) -> Any:
    """Return the union member that pydantic labels `label`, a `type` or the name of a class."""
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


def _is_label(key: Any, next_keys: tuple, node: Node | None) -> bool:
    """Return whether `key` is the label of a union member, where the annotation is unknown."""
    return (
        isinstance(node, Mapping)
        and key not in node.entries
        and next_keys[:1] != ()
        and (next_keys[0] in node.entries)
    )
