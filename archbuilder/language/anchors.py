"""Values that are shared through YAML anchors, and overrides that separate them."""

from collections.abc import Iterator
from dataclasses import dataclass

from archbuilder.language.node import (
    Mapping,
    Node,
    Path,
    Scalar,
    SourcePosition,
    descendant,
    dotted,
    to_python,
)


@dataclass(frozen=True, slots=True)
class AnchorSeparation:
    """An override of one of two values that were shared through an anchor."""

    path: Path
    """Path of the value that is overridden."""
    position: SourcePosition
    """Position of the override."""
    other_path: Path
    """Path of the value that stays the same."""
    defined_at: SourcePosition
    """Position of the shared value."""
    anchor_path: Path
    """Path of the node with the anchor or the alias that `other_path` starts with."""
    anchor: str

    def notes(self, root: Mapping) -> Iterator[str]:
        """Yield a message if the values differ in the final tree."""
        changed = descendant(root, self.path)
        other = descendant(root, self.other_path)
        if changed is None or other is None:
            return
        if other.defined_at != self.defined_at or changed.defined_at == self.defined_at:
            return
        if to_python(changed) == to_python(other):
            return
        origin = str(self.position)
        if not self.position.source.option:
            origin += f": {dotted(self.path)}"
        value = other.text if isinstance(other, Scalar) else "its list"
        shared = f"{dotted(self.anchor_path)} shared this value through the anchor"
        yield f"{origin}: {shared} &{self.anchor} and still has {value}"


def shared_values(root: Mapping) -> dict[SourcePosition, list[tuple[Path, Path, str]]]:
    """Return, by position of a value, its paths, each with the path and name of its anchor."""
    shared: dict[SourcePosition, list[tuple[Path, Path, str]]] = {}

    def visit(node: Node, path: Path, anchor_path: Path, anchor: str | None) -> None:
        if node.anchor:
            anchor_path, anchor = path, node.anchor
        if isinstance(node, Mapping):
            for key, (_, value) in node.entries.items():
                visit(value, (*path, key), anchor_path, anchor)
        elif anchor:
            shared.setdefault(node.defined_at, []).append((path, anchor_path, anchor))

    visit(root, (), (), None)
    return shared
