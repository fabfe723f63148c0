"""Parser of a strict subset of YAML, which returns nodes with their positions.

Syntax that YAML 1.1 and 1.2 read differently, tags, merge keys and duplicate keys are rejected, or
read as text.
"""

import os
import re
import stat
from collections.abc import Callable
from typing import Any, NoReturn

import yaml

from archbuilder.language.node import Mapping, Node, Scalar, Sequence, Source, SourcePosition, quote
from archbuilder.language.syntax import NO_DIRECTIVES, NO_TAGS, syntax_problem

MAX_BYTES = 1_000_000
MAX_DEPTH = 64
MAX_NODES = 20_000
MAX_DIGITS = 300
MAX_KEY = 200

Report = Callable[[SourcePosition, str], None]
"""A function that records a problem, given its position and message. Parsing continues after it."""

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_CONSTANTS = {"": None, "~": None, "null": None, "true": True, "false": False}
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"
)


class UnreadableError(Exception):
    """The source cannot be parsed further. The reason is already reported."""


def load(path: str, source: Source, report: Report) -> str:
    """Return the text of a file.

    Args:
        path: Path of the file.
        source: The file as the source of the positions.
        report: Called with the problem if the file cannot be read.

    Raises:
        UnreadableError: The file cannot be read. The reason is reported before.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            problem = "is a directory" if os.path.isdir(path) else "is not a regular file"
            _stop(report, SourcePosition(source), problem)
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        _stop(report, SourcePosition(source), "there is no such file")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "invalid file name"
        _stop(report, SourcePosition(source), f"cannot be read: {reason.lower()}")
    if len(data) > MAX_BYTES:
        message = f"is larger than {MAX_BYTES:,} bytes, the maximum size of a spec"
        _stop(report, SourcePosition(source), message)
    return _decode(data, source, report)


def _decode(data: bytes, source: Source, report: Report) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:4]:
        _stop(
            report, SourcePosition(source, 1, 1), "this is UTF-16 or UTF-32 text; save it as UTF-8"
        )
    mark_length = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    try:
        return data[mark_length:].decode("utf-8")
    except UnicodeDecodeError as error:
        offset = error.start + mark_length
        message = f"the byte 0x{data[offset]:02x} at offset {offset} is not UTF-8; save it as UTF-8"
        _stop(report, _end(data[mark_length:offset].decode("utf-8"), source), message)


def parse(text: str, source: Source, report: Report) -> Node | None:
    """Return the root node of the document in `text`, or None if the text is empty.

    Args:
        text: YAML text with at most one document.
        source: The source of the text, for the positions.
        report: Called with each problem. Parsing continues where possible.

    Raises:
        UnreadableError: The rest of the text cannot be parsed. The reason is reported before.
    """
    _reject_control_characters(text, source, report)
    return _Composer(text, source, report).document()


def _reject_control_characters(text: str, source: Source, report: Report) -> None:
    match = _FORBIDDEN.search(text)
    if match:
        position = _end(text[: match.start()], source)
        _stop(report, position, f"the character U+{ord(match[0]):04X} is not allowed")


def _end(text: str, source: Source) -> SourcePosition:
    """Return the position just after `text`."""
    lines = re.split(r"\r\n|\r|\n", text)
    return _position(source, len(lines), len(lines[-1]) + 1)


def _position(source: Source, line: int, column: int) -> SourcePosition:
    return SourcePosition(source) if source.option else SourcePosition(source, line, column)


def _stop(report: Report, position: SourcePosition, message: str) -> NoReturn:
    report(position, message)
    raise UnreadableError


class _Composer:
    """Builds nodes from the parser's events, within the limits of depth and of nodes."""

    def __init__(self, text: str, source: Source, report: Report) -> None:
        # The pure Python parser, because the C parser is optional and has different messages.
        self.events, self.source, self.report = yaml.SafeLoader(text), source, report
        self.anchors: dict[str, tuple[Node, int, int]] = {}
        self.open_anchors: set[str] = set()
        self.nodes = 0

    def document(self) -> Node | None:
        self._next()  # the stream's start
        if isinstance(self._peek(), yaml.StreamEndEvent):
            return None
        start = self._next()
        if start.version or start.tags:
            self.report(self._start(start), NO_DIRECTIVES)
        root, _ = self._node(1)
        self._next()  # the document's end
        if not isinstance(self._peek(), yaml.StreamEndEvent):
            position = self._start(self._peek())
            self.report(position, "second YAML document; a spec must be one document")
        return root

    def _node(self, depth: int) -> tuple[Node, int]:
        """Return the next node, and the number of levels in it."""
        event = self._next()
        position = self._start(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), position, depth)
        self._count(position, depth, 1)
        if event.tag is not None:
            self.report(position, NO_TAGS)
        num_nodes_before, anchor = self.nodes, event.anchor
        if anchor:
            self.open_anchors.add(anchor)
        if isinstance(event, yaml.ScalarEvent):
            node, height = self._scalar(event, position), 1
        elif isinstance(event, yaml.SequenceStartEvent):
            node, height = self._sequence(position, depth)
        else:
            node, height = self._mapping(position, depth)
        node.anchor = anchor
        if anchor:
            self.open_anchors.discard(anchor)
            self.anchors[anchor] = node, self.nodes - num_nodes_before + 1, height
        return node, height

    def _alias(self, name: str, position: SourcePosition, depth: int) -> tuple[Node, int]:
        null = Scalar(None, "", position, position)
        if name in self.open_anchors:
            self.report(position, f"the anchor &{name} refers to itself")
            return null, 1
        if name not in self.anchors:
            self.report(position, f"the anchor &{name} is not defined above")
            return null, 1
        node, size, height = self.anchors[name]
        self._count(position, depth + height - 1, size)
        if isinstance(node, Scalar):
            return Scalar(node.value, node.text, position, node.defined_at, name), height
        if isinstance(node, Sequence):
            return Sequence(node.items, position, node.defined_at, name), height
        return Mapping(node.entries, position, node.defined_at, name), height

    def _scalar(self, event: yaml.ScalarEvent, position: SourcePosition) -> Scalar:
        text = event.value
        match = _FORBIDDEN.search(text)
        if match:
            self.report(position, f"the character U+{ord(match[0]):04X} is not allowed in a text")
        value = self._value(text, position) if event.implicit[0] else text
        return Scalar(value, text, position, position)

    def _value(self, text: str, position: SourcePosition) -> Any:
        """Return the value of an unquoted scalar: YAML 1.2 core schema without octal and hex."""
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _NOT_FINITE.fullmatch(text):
            return float(text.replace(".", ""))
        if _INTEGER.fullmatch(text):
            if len(text) > MAX_DIGITS:
                self.report(
                    position, f"a number must have at most {MAX_DIGITS} digits, not {len(text):,}"
                )
                return 0
            return int(text)
        return float(text) if _FLOAT.fullmatch(text) else text

    def _sequence(self, position: SourcePosition, depth: int) -> tuple[Sequence, int]:
        items, height = [], 0
        while not isinstance(self._peek(), yaml.SequenceEndEvent):
            node, levels = self._node(depth + 1)
            items.append(node)
            height = max(height, levels)
        self._next()
        return Sequence(items, position, position), height + 1

    def _mapping(self, position: SourcePosition, depth: int) -> tuple[Mapping, int]:
        entries, height = {}, 0
        while not isinstance(self._peek(), yaml.MappingEndEvent):
            key, _ = self._node(depth + 1)
            node, levels = self._node(depth + 1)
            height = max(height, levels)
            name = self._key(key)
            if name is None:
                continue
            if name in entries:
                line = entries[name][0].line
                first = f"; the first is on line {line}" if line else ""
                self.report(key.position, f"{quote(name)} is written twice{first}")
                continue
            entries[name] = key.position, node
        self._next()
        return Mapping(entries, position, position), height + 1

    def _key(self, key: Node) -> str | None:
        if not isinstance(key, Scalar):
            kind = "mapping" if isinstance(key, Mapping) else "list"
            self.report(key.position, f"a key must be text, not a {kind}")
        elif key.value == "<<":
            self.report(key.position, "'<<' is not supported; repeat the fields, or use 'extends'")
        elif not key.text and key.value is None:
            self.report(key.position, "a key is missing before the ':'")
        elif not isinstance(key.value, str):
            self.report(key.position, f"a key must be text, not {key.text[:60]}; quote it")
        elif len(key.value) > MAX_KEY:
            self.report(
                key.position,
                f"a key must have at most {MAX_KEY} characters, not {len(key.value):,}",
            )
        else:
            return key.value
        return None

    def _count(self, position: SourcePosition, depth: int, nodes: int) -> None:
        self.nodes += nodes
        if depth > MAX_DEPTH:
            _stop(self.report, position, f"is nested deeper than {MAX_DEPTH} levels")
        if self.nodes > MAX_NODES:
            message = f"the spec has more than {MAX_NODES:,} values after its aliases are expanded"
            _stop(self.report, position, message)

    def _peek(self) -> yaml.Event:
        try:
            return self.events.peek_event()
        except yaml.MarkedYAMLError as error:
            mark, message = syntax_problem(error)
        except (yaml.YAMLError, ValueError, OverflowError, IndexError):
            # Some invalid escapes and directives raise other errors in the parser.
            mark, message = self.events.get_mark(), "invalid escape sequence or directive"
        _stop(self.report, self._mark(mark), message)

    def _next(self) -> Any:  # An event of any type.
        self._peek()
        return self.events.get_event()

    def _start(self, event: yaml.Event) -> SourcePosition:
        return self._mark(event.start_mark)

    def _mark(self, mark: Any) -> SourcePosition:
        if mark is None:
            return SourcePosition(self.source)
        return _position(self.source, mark.line + 1, mark.column + 1)
