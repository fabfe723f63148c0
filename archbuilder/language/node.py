"""Nodes of a spec's YAML tree, with their positions in the source."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str | int, ...]
"""Keys and list indices from the root of a tree to a node."""


@dataclass(frozen=True, slots=True)
class Source:
    """A spec file or a `--set` option."""

    name: str
    """Path of the file as the user wrote it, or the text of the option."""
    folder: str
    """Absolute path of the folder that relative paths in this source refer to."""
    order: int
    """Index of the source among all sources of a spec, in the order of loading."""
    option: bool = False
    """Whether the source is a `--set` option. Default: False."""


@dataclass(frozen=True, slots=True)
class SourcePosition:
    """A position in a source. Options, and files as a whole, have line 0 and column 0."""

    source: Source
    line: int = 0
    """Line number, counted from 1. Default: 0, which means no line."""
    column: int = 0
    """Column number, counted from 1. Default: 0, which means no column."""

    def __str__(self) -> str:
        """Return `file:line:column`, or only the name of the source if there is no line."""
        name = self.source.name
        return name if self.source.option or not self.line else f"{name}:{self.line}:{self.column}"

    @property
    def sort_key(self) -> tuple[int, int, int]:
        """The key that sorts positions by source, in the order of loading, and then by line."""
        return self.source.order, self.line, self.column


@dataclass(slots=True, eq=False)
class Scalar:
    """A string, a number, a Boolean or null."""

    value: Any
    """The value as a Python object."""
    text: str
    """The value as it is written in the source."""
    position: SourcePosition
    defined_at: SourcePosition
    """For an alias, the position of the node with the anchor; otherwise equal to `position`."""
    anchor: str | None = None
    """Name of the anchor that the node defines or refers to. Default: None."""


@dataclass(slots=True, eq=False)
class Sequence:
    """A list."""

    items: list["Node"]
    position: SourcePosition
    defined_at: SourcePosition
    """For an alias, the position of the node with the anchor; otherwise equal to `position`."""
    anchor: str | None = None
    """Name of the anchor that the node defines or refers to. Default: None."""


@dataclass(slots=True, eq=False)
class Mapping:
    """A mapping from keys to nodes."""

    entries: dict[str, tuple[SourcePosition, "Node"]]
    """The position of the key and the value, for each key."""
    position: SourcePosition
    defined_at: SourcePosition
    """For an alias, the position of the node with the anchor; otherwise equal to `position`."""
    anchor: str | None = None
    """Name of the anchor that the node defines or refers to. Default: None."""
    implied: bool = field(default=False)
    """Whether the mapping is only part of an option's path, like `a` in `--set a.b=1`.
    Default: False."""


Node = Scalar | Sequence | Mapping


class Text(str):
    """A string of a spec, with the folder of its source."""

    folder: str
    """Absolute path of the folder that relative paths in this source refer to."""


def to_python(node: Node, nulls: bool = False) -> Any:
    """Return the node as dictionaries, lists and scalars.

    Args:
        node: The root of the tree.
        nulls: Whether mappings include keys whose value is null. Default: False. Mappings within
            lists always include them, because an item of a list may be merged later, and null
            then removes a setting.
    """
    if isinstance(node, Mapping):
        pairs = ((key, to_python(value, nulls)) for key, (_, value) in node.entries.items())
        return {key: value for key, value in pairs if nulls or value is not None}
    if isinstance(node, Sequence):
        return [to_python(item, True) for item in node.items]
    if isinstance(node.value, str):
        text = Text(node.value)
        text.folder = node.defined_at.source.folder
        return text
    return node.value


def child(node: Node, key: str | int) -> Node | None:
    """Return the child node at a key or a list index, or None if it does not exist."""
    if isinstance(node, Mapping):
        entry = node.entries.get(key) if isinstance(key, str) else None
        return entry[1] if entry else None
    if isinstance(node, Sequence) and isinstance(key, int) and 0 <= key < len(node.items):
        return node.items[key]
    return None


def descendant(node: Node, path: Path) -> Node | None:
    """Return the node at the end of `path`, or None if it does not exist."""
    for key in path:
        next_node = child(node, key)
        if next_node is None:
            return None
        node = next_node
    return node


def leaves(node: Node, path: Path = ()) -> Iterator[tuple[Path, Scalar | Sequence]]:
    """Yield each scalar and each list with its path. Merging replaces each as a whole.

    Args:
        node: The root of the tree.
        path: The path of `node`, which is put before all paths. Default: the empty path.
    """
    if isinstance(node, Mapping):
        for key, (_, value) in node.entries.items():
            yield from leaves(value, (*path, key))
    else:
        yield path, node


def dotted(path: Path) -> str:
    """Return a path as text, for example `model.encoder.overrides[0].dropout`.

    A key is quoted if it has other characters than letters, digits, `_` and `-`, or more than 60.
    """
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            name = key if re.fullmatch(r"[\w-]{1,60}", key) else quote(key)
            text += f".{name}" if text else name
    return text


def quote(text: str) -> str:
    """Return the text in quotes, on one line; a text of more than 60 characters is truncated."""
    shown = text if len(text) <= 60 else text[:57] + "..."
    return "'" + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in shown) + "'"
