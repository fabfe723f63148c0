"""Every mistake at once, each at its place, once."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError, create_model

from archbuilder.language import error_messages as sentence
from archbuilder.language import node
from archbuilder.language.error_location import Spot, descend, variants
from archbuilder.language.merge import Tree
from archbuilder.language.node import Mapping, Node, Path, Place, Scalar, dotted, quote
from archbuilder.language.problems import Edit, Problem, SpecError
from archbuilder.language.spec import Spec
from archbuilder.language.version_1 import renamed_field, renamed_type

_UNKNOWN_NAME = "unknown_name"
_TYPES = ("union_tag_invalid", "union_tag_not_found")
_CHOICES = ("literal_error", "union_tag_invalid")
# A value with one of these mistakes is not of the kind that was tried; with any other, it is.
_OTHER_KINDS = {*sentence.KINDS, "literal_error"} - {"finite_number"}

Root = TypeVar("Root", bound=Spec)


def validate_tree(tree: Tree, root: type[Root]) -> Root:
    """The spec as an instance of `root`. Raises `SpecError` with a line for every mistake.

    Fields are checked first. Then `root.problems(parts)`, if there is such a classmethod, checks
    what spans parts, with those top-level fields that have no mistake of their own.
    """
    values = node.to_python(tree.root, nulls=True)
    report = _Report(tree.root, root)
    try:
        instance = root.model_validate(values)
    except ValidationError as error:
        errors = [dict(one) for one in error.errors(include_url=False)]
        report.add_fields(errors)
        instance, parts = None, _sound_parts(root, values, errors)
    else:
        parts = {name: getattr(instance, name) for name in root.model_fields}
    across = getattr(root, "problems", None)
    report.add_across(across(parts) if across else ())
    if instance is None or report.found:
        raise SpecError(report.lines(), report.edits())
    return instance


def _sound_parts(root: type[Spec], values: dict, errors: list[dict[str, Any]]) -> dict[str, Any]:
    """The top-level fields without mistakes, validated without the others."""
    unsound = {error["loc"][0] for error in errors if error["loc"]}
    names = [name for name in root.model_fields if name not in unsound]
    fields: dict[str, Any] = {
        name: (root.model_fields[name].annotation, root.model_fields[name]) for name in names
    }
    sound = create_model("Sound", __base__=Spec, **fields)
    try:
        parts = sound.model_validate({name: values[name] for name in names if name in values})
    except ValidationError:
        return {}
    return {name: getattr(parts, name) for name in names}


@dataclass
class _Line:
    """A mistake with its place, ready to be shown."""

    place: Place
    text: str
    across: bool
    edit: Edit | None = None


class _Report:
    """Gathers the mistakes in one tree."""

    def __init__(self, tree: Mapping, root: type[Spec]) -> None:
        self.tree, self.root = tree, root
        # By where the value itself stands: a mistake seen twice through an anchor is one mistake.
        self.found: dict[tuple, _Line] = {}

    def lines(self) -> list[str]:
        """In order of reading; what spans parts comes last."""
        ordered = sorted(self.found.values(), key=lambda line: (line.across, line.place.rank))
        return [line.text for line in ordered]

    def edits(self) -> list[Edit]:
        """Return the edits that fix problems, in order of reading."""
        return sorted({line.edit for line in self.found.values() if line.edit is not None})

    def add_across(self, problems: Iterable[Problem]) -> None:
        for mistake in problems:
            self._add(mistake.path, mistake.sentence, across=True)

    def add_fields(self, errors: list[dict]) -> None:
        """Pydantic's errors, those about one value of several possible kinds taken together."""
        groups: dict[Path, list[tuple[dict, Spot]]] = defaultdict(list)
        for error in errors:
            spot = self._spot(error)
            groups[spot.path].append((error, spot))
        explained = self._add_unknown(groups)
        deeper = {path[:depth] for path in groups for depth in range(len(path))}
        for path, group in groups.items():
            if path in explained or (path in deeper and all(spot.union for _, spot in group)):
                continue  # One kind of value was recognised, and its own mistake is told.
            if self._add_renamed_type(path, group[0]):
                continue
            for text in self._sentences(group):
                self._add(path, text, at_key=group[0][0]["type"] == _UNKNOWN_NAME)

    def _spot(self, error: dict) -> Spot:
        """What the error is about, and in `error["type"]` what it is, seen from the spec.

        An item that a list lacks is the list's mistake; a variant that cannot be told is its
        `type` field's, or the name's where the name is the type.
        """
        location = error["loc"]
        if error["type"] == "missing" and isinstance(location[-1], int):
            return descend(self.root, location[:-1], self.tree)
        spot = descend(self.root, location, self.tree)
        if error["type"] in _TYPES:
            if not isinstance(error["input"], dict):
                error["type"] = "dict_type"
                return spot
            spot = spot.type_field()
        if spot.by_name and spot.path[-1] == "type" and _is_nothing(spot.node):
            error["type"] = _UNKNOWN_NAME
            spot.path = spot.path[:-1]
        elif error["type"] in _TYPES and _is_nothing(spot.node):
            error["type"] = "union_tag_not_found"
        return spot

    def _add_unknown(self, groups: dict[Path, list[tuple[dict, Spot]]]) -> set[Path]:
        """Tell of unknown fields; returns their paths, and those of the fields that were meant."""
        missing = {path for path, group in groups.items() if _is_missing(group[0][0])}
        explained: set[Path] = set()
        for path, group in groups.items():
            error, spot = group[0]
            if error["type"] == "extra_forbidden":
                explained |= {path, *self._add_unknown_field(path, spot, missing - explained)}
            elif error["type"] == "union_tag_not_found":
                explained |= self._add_misspelled_type(path)
        return explained

    def _add_unknown_field(self, path: Path, spot: Spot, missing: set[Path]) -> list[Path]:
        *above, name = path
        fields = list(spot.owner.model_fields) if spot.owner else []
        written, names = self._written(tuple(above)), [*fields, *(() if above else ("extends",))]
        renamed = renamed_field(spot.owner, str(name)) if spot.owner else None
        if renamed is not None:
            self._add_renamed_field(path, renamed, is_written=renamed in written)
            return [(*above, renamed)] if (*above, renamed) in missing else []
        found = sentence.closest_name(name, (field for field in names if field not in written))
        found = found or sentence.closest_name(name, names)
        if found:
            self._add(path, f"unknown field; did you mean {quote(found)}?", at_key=True)
            return [(*above, found)] if (*above, found) in missing else []
        here = f"the fields here are {', '.join(fields)}" if fields else "there are no fields here"
        self._add(path, f"unknown field; {here}", at_key=True)
        return []

    def _add_renamed_field(self, path: Path, new: str, is_written: bool) -> None:
        if is_written:
            text = f"renamed to {quote(new)}, which is also written here; remove one of them"
            self._add(path, text, at_key=True)
            return
        self._add(path, f"renamed to {quote(new)}", at_key=True, replacement=new)

    def _add_renamed_type(self, path: Path, item: tuple[dict, Spot]) -> bool:
        error, spot = item
        if error["type"] != "union_tag_invalid" or not isinstance(spot.node, Scalar):
            return False
        new = renamed_type(variants(spot.annotation), str(spot.node.value))
        if new is not None:
            self._add(path, f"renamed to {quote(new)}", replacement=new)
        return new is not None

    def _add_misspelled_type(self, path: Path) -> set[Path]:
        written = self._written(path[:-1])
        wrong = next((name for name in written if sentence.closest_name(name, ["type"])), "type")
        if wrong == "type":
            return set()
        self._add((*path[:-1], wrong), "unknown field; did you mean 'type'?", at_key=True)
        return {path}

    def _written(self, path: Path) -> tuple[str, ...]:
        _, value, rest = self._walk(path)
        return tuple(value.entries) if isinstance(value, Mapping) and not rest else ()

    def _sentences(self, group: list[tuple[dict, Spot]]) -> Iterator[str]:
        """One for each error; where none of several kinds of value was recognised, one in all."""
        recognised = [item for item in group if item[0]["type"] not in _OTHER_KINDS]
        several = len(group) > 1 and any(spot.union for _, spot in group)
        if several and not recognised:
            yield self._either(group)
        else:
            for error, spot in recognised if several else group:
                yield self._sentence(error, spot)

    def _either(self, group: list[tuple[dict, Spot]]) -> str:
        wanted = dict.fromkeys(sentence.wanted(error, spot.annotation) for error, spot in group)
        choices = [one for _, spot in group for one in sentence.literals(spot.annotation)]
        error, spot = group[0]
        found = sentence.described(spot.node, error["input"])
        hint = sentence.suggestion(error["input"], choices)
        return f"must be {' or '.join(filter(None, wanted))}, not {found}{hint}"

    def _sentence(self, error: dict, spot: Spot) -> str:
        kind = error["type"]
        if kind == _UNKNOWN_NAME:
            return sentence.unknown_name(spot.path, sentence.literals(spot.annotation))
        wanted = sentence.wanted(error, spot.annotation)
        if wanted is None:
            return sentence.other(error, spot.annotation)
        choices = sentence.literals(spot.annotation) if kind in _CHOICES else ()
        found = sentence.described(spot.node, error["input"], bare=kind not in sentence.KINDS)
        return f"must be {wanted}, not {found}{sentence.suggestion(found, choices)}"

    def _add(
        self,
        path: Path,
        text: str,
        at_key: bool = False,
        across: bool = False,
        replacement: str | None = None,
    ) -> None:
        key_place, value, rest = self._walk(path)
        if isinstance(value, Scalar):
            path, rest = path[: len(path) - len(rest)], ()
        beside = isinstance(value, Scalar) or value.place.line == key_place.line
        on_key = at_key or rest or not beside
        place = key_place if on_key else value.place
        home = key_place if at_key else value.home
        line = f"{place}: {dotted(path)}: {text}" if path else f"{place}: {text}"
        edit = None
        if replacement is not None and place.line:
            old = str(path[-1]) if at_key else str(getattr(value, "value", ""))
            edit = Edit(place.source.name, place.line, place.column, old, replacement)
        self.found.setdefault((home, rest, text), _Line(place, line, across, edit))

    def _walk(self, path: Path) -> tuple[Place, Node, Path]:
        """The last value that is written on the way, its key's place, and the steps left over."""
        value: Node = self.tree
        place = value.place
        for index, step in enumerate(path):
            below = node.child(value, step)
            if below is None:
                return place, value, path[index:]
            place = below.place
            if isinstance(value, Mapping) and isinstance(step, str):
                place = value.entries[step][0]
            value = below
        return place, value, ()


def _is_nothing(value: Node | None) -> bool:
    return value is None or (isinstance(value, Scalar) and value.value is None)


def _is_missing(error: dict) -> bool:
    return error["type"] == "missing"
