"""One spec from several: `extends`, `--set`, and what an anchor had shared."""

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from archbuilder.language import node as tree
from archbuilder.language.error_messages import suggestion
from archbuilder.language.node import Mapping, Node, Path, Place, Scalar, Sequence, Source
from archbuilder.language.problems import SpecError
from archbuilder.language.source import MAX_DEPTH, Unreadable, load, parse
from archbuilder.language.yaml_output import resolved_text
from archbuilder.shipped import shipped_specs

MAX_FILES = 100


class Tree:
    """A spec after `extends` and `--set`, before anything is known about its fields."""

    def __init__(self, root: Mapping, notes: list[str]) -> None:
        self.root, self.notes = root, notes

    def to_python(self) -> dict[str, Any]:
        """Dictionaries, lists and scalars; texts know the folder in which they are written."""
        return tree.to_python(self.root)

    def resolved_text(self) -> str:
        """YAML of the whole, each value with its origin as a comment."""
        return resolved_text(self.root)


def read(path: str | os.PathLike, overrides: Iterable[str] = ()) -> Tree:
    """The spec at `path` with all that it extends, and each "key=value" of `overrides` on top.

    Raises `SpecError` with a line for everything that cannot be read.
    """
    reading = _Reading()
    root = reading.file(os.fspath(path), None, ())
    options = [reading.option(text) for text in overrides]
    if reading.problems or root is None:
        raise SpecError(reading.lines())
    for option in options:
        root = reading.merge(root, option)
    if reading.problems:
        raise SpecError(reading.lines())
    return Tree(root, reading.notes(root))


class _Reading:
    """What is known while a spec and those it extends are read."""

    def __init__(self) -> None:
        self.problems: dict[str, Place] = {}
        self.files: dict[str, Mapping | None] = {}
        self.sources = 0
        self.parted: list[_Parted] = []

    def complain(self, place: Place, sentence: str) -> None:
        self.problems.setdefault(f"{place}: {sentence}", place)

    def lines(self) -> list[str]:
        return sorted(self.problems, key=lambda line: self.problems[line].rank)

    def source(self, name: str, folder: str, option: bool = False) -> Source:
        self.sources += 1
        return Source(name, folder, self.sources, option)

    def file(self, path: str, asked: Place | None, parents: tuple[str, ...]) -> Mapping | None:
        """The mapping in the file at `path`, merged over those that it extends."""
        identity = os.path.realpath(path) if "\0" not in path else path
        if identity not in self.files:
            self.files[identity] = None
            with suppress(Unreadable):
                self.files[identity] = self._read_file(path, asked, (*parents, identity))
        return self.files[identity]

    def _read_file(
        self, path: str, asked: Place | None, parents: tuple[str, ...]
    ) -> Mapping | None:
        source = self.source(path, os.path.dirname(os.path.abspath(path)))

        def complain(place: Place, sentence: str) -> None:
            # What is wrong with a parent as a whole is the mistake of the line that asks for it.
            if asked is not None and not place.line:
                place, sentence = asked, f"extends: {tree.quote(path)} {sentence}"
            self.complain(place, sentence)

        root = parse(load(path, source, complain), source, complain)
        if root is None or (isinstance(root, Scalar) and root.value is None):
            return complain(Place(source), "is empty; a spec is a mapping of fields")
        if not isinstance(root, Mapping):
            what = "a list" if isinstance(root, Sequence) else "a single value"
            return self.complain(root.place, f"a spec is a mapping of fields, not {what}")
        below = None
        for name in self._extended(root):
            found = self._parent(path, name, parents)
            if found is not None:
                below = found if below is None else self.merge(below, found)
        root.entries.pop("extends", None)
        return root if below is None else self.merge(below, root)

    def _extended(self, root: Mapping) -> list[Scalar]:
        """The names after `extends`."""
        if "extends" not in root.entries:
            return []
        value = root.entries["extends"][1]
        if isinstance(value, Scalar) and value.value is None:
            return []
        names = []
        for name in value.items if isinstance(value, Sequence) else [value]:
            if isinstance(name, Scalar) and isinstance(name.value, str) and name.value:
                names.append(name)
            else:
                self.complain(name.place, "extends: must be a file, or a list of files")
        return names

    def _parent(self, path: str, name: Scalar, parents: tuple[str, ...]) -> Mapping | None:
        beside = os.path.normpath(os.path.join(os.path.dirname(path), name.value))
        shipped = os.path.join(shipped_specs(), name.value)
        for candidate in (beside, shipped):
            if os.path.exists(candidate):
                return self._found_parent(candidate, name.place, parents)
        names = [*_specs_in(os.path.dirname(beside) or "."), *_specs_in(shipped_specs())]
        others = [other for other in names if other != os.path.basename(path)]
        hint = suggestion(os.path.basename(name.value), others)
        shown = tree.quote(name.value)
        where = f"there is no {shown} beside this file or among the shipped specs"
        return self.complain(name.place, f"extends: {where}{hint}")

    def _found_parent(self, path: str, asked: Place, parents: tuple[str, ...]) -> Mapping | None:
        identity = os.path.realpath(path)
        if identity in parents:
            circle = [*parents[parents.index(identity) :], identity]
            names = " -> ".join(os.path.basename(name) for name in circle)
            return self.complain(asked, f"extends: a circle: {names}")
        if identity not in self.files and len(self.files) >= MAX_FILES:
            return self.complain(asked, f"extends: more than {MAX_FILES} files")
        return self.file(path, asked, parents)

    def option(self, text: str) -> Mapping:
        """The mapping that `--set` with this text stands for."""
        source = self.source(f"--set {text}", os.getcwd(), option=True)
        place = Place(source)
        key, equals, value = text.partition("=")
        steps = key.split(".")
        if not equals or not all(step and step.strip() == step for step in steps):
            self.complain(place, "must be a dotted name, '=' and a value, like model.hidden_dim=64")
        elif steps[0] == "extends":
            self.complain(place, "'extends' is written in the file, not on the command line")
        elif len(steps) > MAX_DEPTH:
            self.complain(place, f"this is nested deeper than {MAX_DEPTH} levels")
        elif value.lstrip().startswith("#"):
            self.complain(place, "a value that begins with '#' must stand in quotes")
        return self._nested(steps[:MAX_DEPTH], self._option_value(value, source))

    def _option_value(self, text: str, source: Source) -> Node:
        try:
            found = parse(text, source, self.complain)
        except Unreadable:
            found = None
        return Scalar(None, "", Place(source), Place(source)) if found is None else found

    def _nested(self, steps: list[str], value: Node) -> Mapping:
        if len(steps) > 1:
            value = self._nested(steps[1:], value)
        return Mapping({steps[0]: (value.place, value)}, value.place, value.place, implied=True)

    def merge(self, below: Mapping, above: Mapping) -> Mapping:
        """`above` over `below`, remembering where that parts what an anchor had shared."""
        merged = self._mapping(below, above, ())
        shared = _shared(below)
        for path, leaf in tree.leaves(above):
            old = tree.find(below, path)
            if old is None or len(shared.get(old.home, ())) < 2:
                continue
            for others_path, anchored, anchor in shared[old.home]:
                if others_path != path:
                    self.parted.append(
                        _Parted(path, leaf.place, others_path, old.home, anchored, anchor)
                    )
        return merged

    def _merged(self, below: Node, above: Node, path: Path) -> Node:
        if isinstance(below, Sequence) and isinstance(above, Mapping) and above.implied:
            self.complain(above.place, f"{tree.dotted(path)} is a list; set it as a whole")
        if not isinstance(below, Mapping) or not isinstance(above, Mapping):
            return above
        return self._mapping(below, above, path)

    def _mapping(self, below: Mapping, above: Mapping, path: Path) -> Mapping:
        if _type(below) is not None and _type(above) not in (None, _type(below)):
            return above
        entries = dict(below.entries)
        for name, (place, value) in above.entries.items():
            if name in entries:
                old_place, old = entries[name]
                value = self._merged(old, value, (*path, name))
                # `--set a.b=1` does not write `a`: what `a` lacks is still said at the file's line.
                named_below = isinstance(value, Mapping) and value.place == old.place
                place = old_place if named_below else place
            entries[name] = place, value
        kept = below if above.implied else above
        return Mapping(entries, kept.place, kept.home, above.anchor or below.anchor)

    def notes(self, root: Mapping) -> list[str]:
        """What an anchor had shared and is now changed in one place only, in the finished tree."""
        return list(dict.fromkeys(note for part in self.parted for note in part.notes(root)))


class _Parted:
    """A change at `path` to a value that stood at `other`, too, through an anchor."""

    def __init__(
        self, path: Path, place: Place, other: Path, home: Place, anchored: Path, name: str
    ) -> None:
        self.path, self.place, self.other, self.home = path, place, other, home
        self.anchored, self.name = anchored, name

    def notes(self, root: Mapping) -> Iterable[str]:
        changed, kept = tree.find(root, self.path), tree.find(root, self.other)
        if changed is None or kept is None or kept.home != self.home or changed.home == self.home:
            return
        if tree.to_python(changed) == tree.to_python(kept):
            return
        origin = str(self.place)
        if not self.place.source.option:
            origin += f": {tree.dotted(self.path)}"
        shown = kept.text if isinstance(kept, Scalar) else "its list"
        where = f"{tree.dotted(self.anchored)} shared this value through the anchor &{self.name}"
        yield f"{origin}: {where} and keeps {shown}"


def _shared(root: Mapping) -> dict[Place, list[tuple[Path, Path, str]]]:
    """By where a value stands: each path to it, with the path and name of the anchor on the way."""
    found: dict[Place, list[tuple[Path, Path, str]]] = {}

    def walk(node: Node, path: Path, anchored: Path, anchor: str | None) -> None:
        if node.anchor:
            anchored, anchor = path, node.anchor
        if isinstance(node, Mapping):
            for name, (_, below) in node.entries.items():
                walk(below, (*path, name), anchored, anchor)
        elif anchor:
            found.setdefault(node.home, []).append((path, anchored, anchor))

    walk(root, (), (), None)
    return found


def _type(node: Mapping) -> Any:
    value = tree.child(node, "type")
    return value.value if isinstance(value, Scalar) else None


def _specs_in(folder: str | os.PathLike) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if name.endswith((".yaml", ".yml")))
    except (OSError, ValueError):
        return []
