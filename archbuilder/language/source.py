"""From bytes to a tree of values with their places, with YAML's traps closed on the way."""

import os
import re
import stat
from collections.abc import Callable
from typing import Any, NoReturn

import yaml

from archbuilder.language.node import Mapping, Node, Place, Scalar, Sequence, Source, quote
from archbuilder.language.syntax import syntax_problem

MAX_BYTES = 1_000_000
MAX_DEPTH = 64
MAX_NODES = 20_000
MAX_DIGITS = 300
MAX_KEY = 200

Complain = Callable[[Place, str], None]
"""Takes a mistake's place and sentence; reading goes on, to find the others."""

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_CONSTANTS = {"": None, "~": None, "null": None, "true": True, "false": False}
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"
)


class Unreadable(Exception):
    """Reading cannot go on; the reason was already said."""


def load(path: str, source: Source, complain: Complain) -> str:
    """The file's text. Raises `Unreadable` after saying why."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            what = "is a directory" if os.path.isdir(path) else "is not a regular file"
            _stop(complain, Place(source), what)
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        _stop(complain, Place(source), "there is no such file")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name is not one that a file can have"
        _stop(complain, Place(source), f"cannot be read: {reason.lower()}")
    if len(data) > MAX_BYTES:
        _stop(
            complain, Place(source), f"is larger than the {MAX_BYTES:,} bytes that a spec may have"
        )
    return _decode(data, source, complain)


def _decode(data: bytes, source: Source, complain: Complain) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:4]:
        _stop(complain, Place(source, 1, 1), "this is UTF-16 or UTF-32 text; save it as UTF-8")
    mark = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    try:
        return data[mark:].decode("utf-8")
    except UnicodeDecodeError as error:
        offset = error.start + mark
        sentence = (
            f"the byte 0x{data[offset]:02x} at offset {offset} is not UTF-8; save it as UTF-8"
        )
        _stop(complain, _end(data[mark:offset].decode("utf-8"), source), sentence)


def parse(text: str, source: Source, complain: Complain) -> Node | None:
    """The tree of the one document in `text`, None where it is empty. Raises `Unreadable`."""
    _refuse_control_characters(text, source, complain)
    return _Composer(text, source, complain).document()


def _refuse_control_characters(text: str, source: Source, complain: Complain) -> None:
    found = _FORBIDDEN.search(text)
    if found:
        place = _end(text[: found.start()], source)
        _stop(complain, place, f"the character U+{ord(found[0]):04X} is not allowed")


def _end(text: str, source: Source) -> Place:
    """The place just after `text`."""
    lines = re.split(r"\r\n|\r|\n", text)
    return _at(source, len(lines), len(lines[-1]) + 1)


def _at(source: Source, line: int, column: int) -> Place:
    return Place(source) if source.option else Place(source, line, column)


def _stop(complain: Complain, place: Place, sentence: str) -> NoReturn:
    complain(place, sentence)
    raise Unreadable


class _Composer:
    """Builds nodes from the parser's events, within the budgets of depth and nodes."""

    def __init__(self, text: str, source: Source, complain: Complain) -> None:
        # The parser in pure Python: one wording and one set of rules wherever we are installed.
        self.events, self.source, self.complain = yaml.SafeLoader(text), source, complain
        self.anchors: dict[str, tuple[Node, int, int]] = {}
        self.open_anchors: set[str] = set()
        self.nodes = 0

    def document(self) -> Node | None:
        self._next()  # the stream's start
        if isinstance(self._peek(), yaml.StreamEndEvent):
            return None
        start = self._next()
        if start.version or start.tags:
            self.complain(self._place(start), "a line that begins with '%' has no use in a spec")
        root, _ = self._node(1)
        self._next()  # the document's end
        if not isinstance(self._peek(), yaml.StreamEndEvent):
            self.complain(
                self._place(self._peek()), "a second document begins here; a spec is one document"
            )
        return root

    def _node(self, depth: int) -> tuple[Node, int]:
        """The next node, and the number of levels in it."""
        event = self._next()
        place = self._place(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), place, depth)
        self._spend(place, depth, 1)
        if event.tag is not None:
            self.complain(place, "tags that begin with '!' are not accepted; write the bare value")
        before, anchor = self.nodes, event.anchor
        if anchor:
            self.open_anchors.add(anchor)
        if isinstance(event, yaml.ScalarEvent):
            node, height = self._scalar(event, place), 1
        elif isinstance(event, yaml.SequenceStartEvent):
            node, height = self._sequence(place, depth)
        else:
            node, height = self._mapping(place, depth)
        node.anchor = anchor
        if anchor:
            self.open_anchors.discard(anchor)
            self.anchors[anchor] = node, self.nodes - before + 1, height
        return node, height

    def _alias(self, name: str, place: Place, depth: int) -> tuple[Node, int]:
        nothing = Scalar(None, "", place, place)
        if name in self.open_anchors:
            self.complain(place, f"the anchor &{name} refers to itself")
            return nothing, 1
        if name not in self.anchors:
            self.complain(place, f"no anchor &{name} stands above")
            return nothing, 1
        node, size, height = self.anchors[name]
        self._spend(place, depth + height - 1, size)
        if isinstance(node, Scalar):
            return Scalar(node.value, node.text, place, node.home, name), height
        if isinstance(node, Sequence):
            return Sequence(node.items, place, node.home, name), height
        return Mapping(node.entries, place, node.home, name), height

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> Scalar:
        text = event.value
        found = _FORBIDDEN.search(text)
        if found:
            self.complain(place, f"the character U+{ord(found[0]):04X} is not allowed in a text")
        value = self._resolve(text, place) if event.implicit[0] else text
        return Scalar(value, text, place, place)

    def _resolve(self, text: str, place: Place) -> Any:
        """YAML 1.2's core types, and no more: what looks like anything else is text."""
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _NOT_FINITE.fullmatch(text):
            return float(text.replace(".", ""))
        if _INTEGER.fullmatch(text):
            if len(text) > MAX_DIGITS:
                self.complain(place, f"a number of {len(text):,} digits is too long")
                return 0
            return int(text)
        return float(text) if _FLOAT.fullmatch(text) else text

    def _sequence(self, place: Place, depth: int) -> tuple[Sequence, int]:
        items, height = [], 0
        while not isinstance(self._peek(), yaml.SequenceEndEvent):
            node, levels = self._node(depth + 1)
            items.append(node)
            height = max(height, levels)
        self._next()
        return Sequence(items, place, place), height + 1

    def _mapping(self, place: Place, depth: int) -> tuple[Mapping, int]:
        entries, height = {}, 0
        while not isinstance(self._peek(), yaml.MappingEndEvent):
            key, _ = self._node(depth + 1)
            node, levels = self._node(depth + 1)
            height = max(height, levels)
            name = self._name(key)
            if name is None:
                continue
            if name in entries:
                first = entries[name][0]
                where = f"; the first is on line {first.line}" if first.line else ""
                self.complain(key.place, f"{quote(name)} is written twice{where}")
                continue
            entries[name] = key.place, node
        self._next()
        return Mapping(entries, place, place), height + 1

    def _name(self, key: Node) -> str | None:
        if not isinstance(key, Scalar):
            what = "mapping" if isinstance(key, Mapping) else "list"
            self.complain(key.place, f"a {what} cannot be a key; a key is text")
        elif key.value == "<<":
            self.complain(key.place, "'<<' is not accepted; write the fields out, or use 'extends'")
        elif not key.text and key.value is None:
            self.complain(key.place, "a key is missing before the ':'")
        elif not isinstance(key.value, str):
            self.complain(key.place, f"a key is text, not {key.text[:60]}; put it in quotes")
        elif len(key.value) > MAX_KEY:
            self.complain(key.place, f"a key of {len(key.value):,} characters is too long")
        else:
            return key.value
        return None

    def _spend(self, place: Place, depth: int, nodes: int) -> None:
        self.nodes += nodes
        if depth > MAX_DEPTH:
            _stop(self.complain, place, f"this is nested deeper than {MAX_DEPTH} levels")
        if self.nodes > MAX_NODES:
            sentence = f"with its aliases written out, the spec has more than {MAX_NODES:,} values"
            _stop(self.complain, place, sentence)

    def _peek(self) -> yaml.Event:
        try:
            return self.events.peek_event()
        except yaml.MarkedYAMLError as error:
            mark, sentence = syntax_problem(error)
        except (yaml.YAMLError, ValueError, OverflowError, IndexError):
            # The parser trips over some escapes and directives with Python's own errors.
            mark, sentence = self.events.get_mark(), "this escape or directive cannot be read"
        _stop(self.complain, self._mark(mark), sentence)

    def _next(self) -> Any:  # An event, of the kind that _peek has seen.
        self._peek()
        return self.events.get_event()

    def _place(self, event: yaml.Event) -> Place:
        return self._mark(event.start_mark)

    def _mark(self, mark: Any) -> Place:
        return _at(self.source, mark.line + 1, mark.column + 1) if mark else Place(self.source)
