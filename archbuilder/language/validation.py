"""Validation of a spec. All problems are reported at once, each with its position."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError, create_model

from archbuilder.language import error_messages, node
from archbuilder.language.error_location import FieldLocation, locate_field, variants
from archbuilder.language.merge import Tree
from archbuilder.language.node import Mapping, Node, Path, Scalar, SourcePosition, dotted, quote
from archbuilder.language.problems import Edit, Problem, SpecError
from archbuilder.language.spec import Spec
from archbuilder.language.version_1 import renamed_field, renamed_type

_UNKNOWN_NAME = "unknown_name"
_VARIANT_ERRORS = ("union_tag_invalid", "union_tag_not_found")
_CHOICE_ERRORS = ("literal_error", "union_tag_invalid")
_TYPE_MISMATCHES = {*error_messages.EXPECTED_TYPES, "literal_error"} - {"finite_number"}
"""Types of errors that mean that a value does not have the type of the tried union member."""

Root = TypeVar("Root", bound=Spec)
_FieldError = tuple[dict, FieldLocation]


def validate_tree(tree: Tree, root: type[Root]) -> Root:
    """Return the spec as an instance of `root`.

    Fields are validated first. Then the classmethod `root.problems(parts)`, if it exists, checks
    relations between the top-level fields. Only fields without problems are in `parts`.

    Args:
        tree: The spec.
        root: The class of the whole spec.

    Raises:
        SpecError: The spec is invalid. The error has a line for each problem.
    """
    values = node.to_python(tree.root, nulls=True)
    report = _Report(tree.root, root)
    try:
        instance = root.model_validate(values)
    except ValidationError as validation_error:
        errors = [dict(error) for error in validation_error.errors(include_url=False)]
        report.add_field_errors(errors)
        instance, parts = None, _valid_parts(root, values, errors)
    else:
        parts = {name: getattr(instance, name) for name in root.model_fields}
    check_relations = getattr(root, "problems", None)
    report.add_problems(check_relations(parts) if check_relations else ())
    if instance is None or report.entries:
        raise SpecError(report.lines(), report.edits())
    return instance


def _valid_parts(root: type[Spec], values: dict, errors: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the values of the top-level fields without errors, by name."""
    invalid = {error["loc"][0] for error in errors if error["loc"]}
    names = [name for name in root.model_fields if name not in invalid]
    fields: dict[str, Any] = {
        name: (root.model_fields[name].annotation, root.model_fields[name]) for name in names
    }
    partial_root = create_model("PartialRoot", __base__=Spec, **fields)
    try:
        parts = partial_root.model_validate({key: values[key] for key in names if key in values})
    except ValidationError:
        return {}
    return {name: getattr(parts, name) for name in names}


@dataclass
class _Entry:
    """A problem with its position, formatted as a line."""

    position: SourcePosition
    line: str
    is_relation: bool
    """Whether the problem is a relation between several fields."""
    edit: Edit | None = None


class _Report:
    """The problems of a tree, collected and formatted."""

    def __init__(self, tree: Mapping, root: type[Spec]) -> None:
        self.tree, self.root = tree, root
        # The keys start with the position of the definition, so that a problem of an anchor is
        # reported once and not again for each alias.
        self.entries: dict[tuple, _Entry] = {}

    def lines(self) -> list[str]:
        """Return the problems in the order of the source; relations between fields are last."""
        ordered = sorted(
            self.entries.values(), key=lambda entry: (entry.is_relation, entry.position.sort_key)
        )
        return [entry.line for entry in ordered]

    def edits(self) -> list[Edit]:
        """Return the edits that fix problems, sorted by file and position."""
        return sorted({entry.edit for entry in self.entries.values() if entry.edit is not None})

    def add_problems(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self._add(problem.path, problem.message, is_relation=True)

    def add_field_errors(self, errors: list[dict]) -> None:
        """Add the errors of pydantic. Errors of the members of a union are combined into one."""
        groups: dict[Path, list[_FieldError]] = defaultdict(list)
        for error in errors:
            field = self._locate(error)
            groups[field.path].append((error, field))
        explained = self._add_unknown_fields(groups)
        parents = {path[:depth] for path in groups for depth in range(len(path))}
        for path, group in groups.items():
            if path in explained or (path in parents and all(field.union for _, field in group)):
                continue  # The value has the type of one member; its errors are at deeper paths.
            if self._add_renamed_type(path, group[0]):
                continue
            for message in self._messages(group):
                self._add(path, message, at_key=group[0][0]["type"] == _UNKNOWN_NAME)

    def _locate(self, error: dict) -> FieldLocation:
        """Return the field that an error is about, and adapt the error's type to the spec.

        A missing list item is reported at the list. An unknown variant is reported at the field
        `type`, or at the key of the mapping if the keys are the default types.
        """
        location = error["loc"]
        if error["type"] == "missing" and isinstance(location[-1], int):
            return locate_field(self.root, location[:-1], self.tree)
        field = locate_field(self.root, location, self.tree)
        if error["type"] in _VARIANT_ERRORS:
            if not isinstance(error["input"], dict):
                error["type"] = "dict_type"
                return field
            field = field.type_field()
        if field.by_name and field.path[-1] == "type" and _is_null(field.node):
            error["type"] = _UNKNOWN_NAME
            field.path = field.path[:-1]
        elif error["type"] in _VARIANT_ERRORS and _is_null(field.node):
            error["type"] = "union_tag_not_found"
        return field

    def _add_unknown_fields(self, groups: dict[Path, list[_FieldError]]) -> set[Path]:
        """Add unknown fields. Return their paths and those of the fields that they misspell."""
        missing = {path for path, group in groups.items() if group[0][0]["type"] == "missing"}
        explained: set[Path] = set()
        for path, group in groups.items():
            error, field = group[0]
            if error["type"] == "extra_forbidden":
                explained |= {path, *self._add_unknown_field(path, field, missing - explained)}
            elif error["type"] == "union_tag_not_found":
                explained |= self._add_misspelled_type(path)
        return explained

    def _add_unknown_field(
        self, path: Path, field: FieldLocation, missing: set[Path]
    ) -> list[Path]:
        *parent, key = path
        fields = list(field.owner.model_fields) if field.owner else []
        keys, names = self._keys(tuple(parent)), [*fields, *(() if parent else ("extends",))]
        renamed = renamed_field(field.owner, str(key)) if field.owner else None
        if renamed is not None:
            self._add_renamed_field(path, renamed, is_set=renamed in keys)
            return [(*parent, renamed)] if (*parent, renamed) in missing else []
        match = error_messages.closest_name(key, (name for name in names if name not in keys))
        match = match or error_messages.closest_name(key, names)
        if match:
            self._add(path, f"unknown field; did you mean {quote(match)}?", at_key=True)
            return [(*parent, match)] if (*parent, match) in missing else []
        valid = f"the fields here are {', '.join(fields)}" if fields else "there are no fields here"
        self._add(path, f"unknown field; {valid}", at_key=True)
        return []

    def _add_renamed_field(self, path: Path, new: str, is_set: bool) -> None:
        if is_set:
            message = f"renamed to {quote(new)}, which is also set here; remove one of the two"
            self._add(path, message, at_key=True)
            return
        self._add(path, f"renamed to {quote(new)}", at_key=True, replacement=new)

    def _add_renamed_type(self, path: Path, field_error: _FieldError) -> bool:
        error, field = field_error
        if error["type"] != "union_tag_invalid" or not isinstance(field.node, Scalar):
            return False
        new = renamed_type(variants(field.annotation), str(field.node.value))
        if new is not None:
            self._add(path, f"renamed to {quote(new)}", replacement=new)
        return new is not None

    def _add_misspelled_type(self, path: Path) -> set[Path]:
        keys = self._keys(path[:-1])
        match = next((key for key in keys if error_messages.closest_name(key, ["type"])), "type")
        if match == "type":
            return set()
        self._add((*path[:-1], match), "unknown field; did you mean 'type'?", at_key=True)
        return {path}

    def _keys(self, path: Path) -> tuple[str, ...]:
        _, value, missing_keys = self._walk(path)
        return tuple(value.entries) if isinstance(value, Mapping) and not missing_keys else ()

    def _messages(self, group: list[_FieldError]) -> Iterator[str]:
        """Yield a message for each error, or a single one if no union member matches the value."""
        value_errors = [item for item in group if item[0]["type"] not in _TYPE_MISMATCHES]
        is_union = len(group) > 1 and any(field.union for _, field in group)
        if is_union and not value_errors:
            yield self._union_message(group)
        else:
            for error, field in value_errors if is_union else group:
                yield self._message(error, field)

    def _union_message(self, group: list[_FieldError]) -> str:
        expectations = dict.fromkeys(
            error_messages.expectation(error, field.annotation) for error, field in group
        )
        choices = [
            choice for _, field in group for choice in error_messages.literals(field.annotation)
        ]
        error, field = group[0]
        actual = error_messages.describe(field.node, error["input"])
        hint = error_messages.suggestion(error["input"], choices)
        return f"must be {' or '.join(filter(None, expectations))}, not {actual}{hint}"

    def _message(self, error: dict, field: FieldLocation) -> str:
        error_type, annotation = error["type"], field.annotation
        if error_type == _UNKNOWN_NAME:
            return error_messages.unknown_name(field.path, error_messages.literals(annotation))
        expectation = error_messages.expectation(error, annotation)
        if expectation is None:
            return error_messages.other_message(error, annotation)
        choices = error_messages.literals(annotation) if error_type in _CHOICE_ERRORS else ()
        bare = error_type not in error_messages.EXPECTED_TYPES
        actual = error_messages.describe(field.node, error["input"], bare=bare)
        return f"must be {expectation}, not {actual}{error_messages.suggestion(actual, choices)}"

    def _add(
        self,
        path: Path,
        message: str,
        at_key: bool = False,
        is_relation: bool = False,
        replacement: str | None = None,
    ) -> None:
        key_position, value, missing_keys = self._walk(path)
        if isinstance(value, Scalar):
            path, missing_keys = path[: len(path) - len(missing_keys)], ()
        is_inline = isinstance(value, Scalar) or value.position.line == key_position.line
        position = key_position if at_key or missing_keys or not is_inline else value.position
        defined_at = key_position if at_key else value.defined_at
        line = f"{position}: {dotted(path)}: {message}" if path else f"{position}: {message}"
        edit = None
        if replacement is not None and position.line:
            old = str(path[-1]) if at_key else str(getattr(value, "value", ""))
            edit = Edit(position.source.name, position.line, position.column, old, replacement)
        entry = _Entry(position, line, is_relation, edit)
        self.entries.setdefault((defined_at, missing_keys, message), entry)

    def _walk(self, path: Path) -> tuple[SourcePosition, Node, Path]:
        """Return the last node on a path that exists, and the keys that are missing after it.

        Returns:
            The position of the node's key, the node, and the rest of the path.
        """
        value: Node = self.tree
        position = value.position
        for index, key in enumerate(path):
            next_value = node.child(value, key)
            if next_value is None:
                return position, value, path[index:]
            position = next_value.position
            if isinstance(value, Mapping) and isinstance(key, str):
                position = value.entries[key][0]
            value = next_value
        return position, value, ()


def _is_null(value: Node | None) -> bool:
    return value is None or (isinstance(value, Scalar) and value.value is None)
