"""A spec as a tree of values that know where they were written."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A file as the user named it, or a `--set` option; `order` is that of reading."""

    name: str
    folder: str
    order: int
    option: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written: line and column count from one; an option has neither."""

    source: Source
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        name = self.source.name
        return name if self.source.option or not self.line else f"{name}:{self.line}:{self.column}"

    @property
    def rank(self) -> tuple[int, int, int]:
        """Sorts by file in the order of reading, then by line."""
        return self.source.order, self.line, self.column


@dataclass(slots=True, eq=False)
class Scalar:
    """A text, number, truth value or null; `text` is how it was written.

    `home` is where the value itself stands: `place`, unless this is an alias of an anchor.
    """

    value: Any
    text: str
    place: Place
    home: Place
    anchor: str | None = None


@dataclass(slots=True, eq=False)
class Sequence:
    """A list."""

    items: list["Node"]
    place: Place
    home: Place
    anchor: str | None = None


@dataclass(slots=True, eq=False)
class Mapping:
    """Names with values; `entries` holds each name's own place, too.

    `implied` marks what `--set a.b=1` says of `a`: that it is there, and nothing else.
    """

    entries: dict[str, tuple[Place, "Node"]]
    place: Place
    home: Place
    anchor: str | None = None
    implied: bool = field(default=False)


Node = Scalar | Sequence | Mapping


class Text(str):
    """A text that remembers the folder of the file in which it is written."""

    folder: str


def to_python(node: Node, nulls: bool = False) -> Any:
    """Dictionaries, lists and scalars. A null is as if never written, except within lists.

    What stands in a list may be merged into something later, where its nulls have work to do.
    `nulls` keeps them all.
    """
    if isinstance(node, Mapping):
        pairs = ((name, to_python(below, nulls)) for name, (_, below) in node.entries.items())
        return {name: value for name, value in pairs if nulls or value is not None}
    if isinstance(node, Sequence):
        return [to_python(item, True) for item in node.items]
    if isinstance(node.value, str):
        text = Text(node.value)
        text.folder = node.home.source.folder
        return text
    return node.value


def child(node: Node, step: str | int) -> Node | None:
    """The value one step down, or None where there is none."""
    if isinstance(node, Mapping):
        entry = node.entries.get(step) if isinstance(step, str) else None
        return entry[1] if entry else None
    if isinstance(node, Sequence) and isinstance(step, int) and 0 <= step < len(node.items):
        return node.items[step]
    return None


def find(node: Node, path: Path) -> Node | None:
    """The value at the end of `path`, or None."""
    for step in path:
        found = child(node, step)
        if found is None:
            return None
        node = found
    return node


def leaves(node: Node, path: Path = ()) -> Iterator[tuple[Path, Scalar | Sequence]]:
    """Each value that merging replaces whole, with its path."""
    if isinstance(node, Mapping):
        for name, (_, below) in node.entries.items():
            yield from leaves(below, (*path, name))
    else:
        yield path, node


def dotted(path: Path) -> str:
    """`model.encoder.overrides[0].dropout`; a name that would not read so stands in quotes."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name = step if re.fullmatch(r"[\w-]{1,60}", step) else quote(step)
            text += f".{name}" if text else name
    return text


def quote(text: str) -> str:
    """The text in quotes, on one line, and cut where it is long."""
    shown = text if len(text) <= 60 else text[:57] + "..."
    return "'" + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in shown) + "'"
