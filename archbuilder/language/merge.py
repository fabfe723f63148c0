"""Loading of a spec from its files and options: `extends`, `--set`, and shared anchors."""

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from archbuilder.language import node as nodes
from archbuilder.language.anchors import AnchorSeparation, shared_values
from archbuilder.language.error_messages import suggestion
from archbuilder.language.node import Mapping, Node, Path, Scalar, Sequence, Source, SourcePosition
from archbuilder.language.problems import SpecError
from archbuilder.language.source import MAX_DEPTH, UnreadableError, load, parse
from archbuilder.language.yaml_output import resolved_text
from archbuilder.shipped import shipped_specs

MAX_FILES = 100


class Tree:
    """A spec with `extends` and `--set` applied. Its fields are not validated yet."""

    def __init__(self, root: Mapping, notes: list[str]) -> None:
        """Initialize the tree.

        Args:
            root: The root node.
            notes: Messages about values that an anchor no longer shares.
        """
        self.root, self.notes = root, notes

    def to_python(self) -> dict[str, Any]:
        """Return the spec as dictionaries, lists and scalars."""
        return nodes.to_python(self.root)

    def resolved_text(self) -> str:
        """Return the whole spec as YAML, with the origin of each value as a comment."""
        return resolved_text(self.root)


def read(path: str | os.PathLike, overrides: Iterable[str] = ()) -> Tree:
    """Read a spec, merge it over the specs that it extends, and apply overrides.

    Args:
        path: Path of the spec.
        overrides: Options of the form "key=value", applied in order. Default: none.

    Raises:
        SpecError: A file or an override cannot be read. The error has a line for each problem.
    """
    loader = _SpecLoader()
    root = loader.file(os.fspath(path), None, ())
    options = [loader.option(text) for text in overrides]
    if loader.problems or root is None:
        raise SpecError(loader.lines())
    for option in options:
        root = loader.merge(root, option)
    if loader.problems:
        raise SpecError(loader.lines())
    return Tree(root, loader.notes(root))


class _SpecLoader:
    """Reads a spec and the specs that it extends, and collects their problems."""

    def __init__(self) -> None:
        self.problems: dict[str, SourcePosition] = {}
        self.files: dict[str, Mapping | None] = {}
        self.num_sources = 0
        self.separations: list[AnchorSeparation] = []

    def report(self, position: SourcePosition, message: str) -> None:
        self.problems.setdefault(f"{position}: {message}", position)

    def lines(self) -> list[str]:
        return sorted(self.problems, key=lambda line: self.problems[line].sort_key)

    def source(self, name: str, folder: str, option: bool = False) -> Source:
        self.num_sources += 1
        return Source(name, folder, self.num_sources, option)

    def file(
        self, path: str, extends_position: SourcePosition | None, children: tuple[str, ...]
    ) -> Mapping | None:
        """Return the mapping of a file, merged over those that it extends.

        Args:
            path: Path of the file.
            extends_position: Position of the name after `extends`, or None for the spec itself.
            children: Real paths of the files that extend this one, the spec itself first.
        """
        identity = os.path.realpath(path) if "\0" not in path else path
        if identity not in self.files:
            self.files[identity] = None
            with suppress(UnreadableError):
                children = (*children, identity)
                self.files[identity] = self._read_file(path, extends_position, children)
        return self.files[identity]

    def _read_file(
        self, path: str, extends_position: SourcePosition | None, children: tuple[str, ...]
    ) -> Mapping | None:
        source = self.source(path, os.path.dirname(os.path.abspath(path)))

        def report(position: SourcePosition, message: str) -> None:
            # A problem of an extended file as a whole is reported where the file is named.
            if extends_position is not None and not position.line:
                position, message = extends_position, f"extends: {nodes.quote(path)} {message}"
            self.report(position, message)

        root = parse(load(path, source, report), source, report)
        if root is None or (isinstance(root, Scalar) and root.value is None):
            return report(SourcePosition(source), "is empty; a spec must be a mapping of fields")
        if not isinstance(root, Mapping):
            actual = "a list" if isinstance(root, Sequence) else "a single value"
            return self.report(root.position, f"a spec must be a mapping of fields, not {actual}")
        base = None
        for name in self._extended_names(root):
            extended = self._extended_file(path, name, children)
            if extended is not None:
                base = extended if base is None else self.merge(base, extended)
        root.entries.pop("extends", None)
        return root if base is None else self.merge(base, root)

    def _extended_names(self, root: Mapping) -> list[Scalar]:
        """Return the names after `extends`."""
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
                self.report(name.position, "extends: must be a file, or a list of files")
        return names

    def _extended_file(self, path: str, name: Scalar, children: tuple[str, ...]) -> Mapping | None:
        """Return the mapping of the file that the spec at `path` extends under this name."""
        local = os.path.normpath(os.path.join(os.path.dirname(path), name.value))
        shipped = os.path.join(shipped_specs(), name.value)
        for candidate in (local, shipped):
            if os.path.exists(candidate):
                return self._existing_file(candidate, name.position, children)
        names = [*_specs_in(os.path.dirname(local) or "."), *_specs_in(shipped_specs())]
        others = [other for other in names if other != os.path.basename(path)]
        hint = suggestion(os.path.basename(name.value), others)
        message = f"{nodes.quote(name.value)} is neither next to this file nor a shipped spec{hint}"
        return self.report(name.position, f"extends: {message}")

    def _existing_file(
        self, path: str, extends_position: SourcePosition, children: tuple[str, ...]
    ) -> Mapping | None:
        identity = os.path.realpath(path)
        if identity in children:
            cycle = [*children[children.index(identity) :], identity]
            names = " -> ".join(os.path.basename(name) for name in cycle)
            return self.report(extends_position, f"extends: circular reference: {names}")
        if identity not in self.files and len(self.files) >= MAX_FILES:
            return self.report(extends_position, f"extends: more than {MAX_FILES} files")
        return self.file(path, extends_position, children)

    def option(self, text: str) -> Mapping:
        """Return the mapping for `--set` with this text."""
        source = self.source(f"--set {text}", os.getcwd(), option=True)
        position = SourcePosition(source)
        key, equals, value = text.partition("=")
        keys = key.split(".")
        if not equals or not all(key and key.strip() == key for key in keys):
            self.report(
                position, "must be a dotted name, '=' and a value, like model.hidden_dim=64"
            )
        elif keys[0] == "extends":
            self.report(position, "'extends' must be written in the file, not on the command line")
        elif len(keys) > MAX_DEPTH:
            self.report(position, f"is nested deeper than {MAX_DEPTH} levels")
        elif value.lstrip().startswith("#"):
            self.report(position, "a value that starts with '#' must be quoted")
        return self._nested(keys[:MAX_DEPTH], self._option_value(value, source))

    def _option_value(self, text: str, source: Source) -> Node:
        try:
            value = parse(text, source, self.report)
        except UnreadableError:
            value = None
        position = SourcePosition(source)
        return Scalar(None, "", position, position) if value is None else value

    def _nested(self, keys: list[str], value: Node) -> Mapping:
        """Return the mapping in which `value` has the path `keys`."""
        if len(keys) > 1:
            value = self._nested(keys[1:], value)
        position = value.position
        return Mapping({keys[0]: (position, value)}, position, position, implied=True)

    def merge(self, base: Mapping, override: Mapping) -> Mapping:
        """Merge `override` over `base`, and record each override of a value in an anchor."""
        merged = self._merge_mappings(base, override, ())
        shared = shared_values(base)
        for path, leaf in nodes.leaves(override):
            old = nodes.descendant(base, path)
            if old is None or len(shared.get(old.defined_at, ())) < 2:
                continue
            for other_path, anchor_path, anchor in shared[old.defined_at]:
                if other_path != path:
                    self.separations.append(
                        AnchorSeparation(
                            path, leaf.position, other_path, old.defined_at, anchor_path, anchor
                        )
                    )
        return merged

    def _merge_nodes(self, base: Node, override: Node, path: Path) -> Node:
        if isinstance(base, Sequence) and isinstance(override, Mapping) and override.implied:
            self.report(override.position, f"{nodes.dotted(path)} is a list; set the whole list")
        if not isinstance(base, Mapping) or not isinstance(override, Mapping):
            return override
        return self._merge_mappings(base, override, path)

    def _merge_mappings(self, base: Mapping, override: Mapping, path: Path) -> Mapping:
        if _type(base) is not None and _type(override) not in (None, _type(base)):
            return override
        entries = dict(base.entries)
        for key, (position, value) in override.entries.items():
            if key in entries:
                base_position, base_value = entries[key]
                value = self._merge_nodes(base_value, value, (*path, key))
                # `--set a.b=1` does not write `a`: fields missing in `a` are reported in the file.
                is_of_base = isinstance(value, Mapping) and value.position == base_value.position
                position = base_position if is_of_base else position
            entries[key] = position, value
        written = base if override.implied else override
        anchor = override.anchor or base.anchor
        return Mapping(entries, written.position, written.defined_at, anchor)

    def notes(self, root: Mapping) -> list[str]:
        """Return a message for each value in the tree that its anchor no longer shares."""
        return list(dict.fromkeys(note for item in self.separations for note in item.notes(root)))


def _type(node: Mapping) -> Any:
    value = nodes.child(node, "type")
    return value.value if isinstance(value, Scalar) else None


def _specs_in(folder: str | os.PathLike) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if name.endswith((".yaml", ".yml")))
    except (OSError, ValueError):
        return []
