"""YAML output: of a tree, with the origin of each value, and of plain data."""

import json
import re
from typing import Any

import yaml

from archbuilder.language.node import Mapping, Node, Scalar, Sequence

_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*([-./ +][A-Za-z0-9_]+)*")
_RESERVED = {"null", "true", "false"}


def resolved_text(root: Mapping) -> str:
    """Return a tree as YAML in block style, with the origin of each value as a comment.

    Anchors are expanded, and null values of mappings are omitted. The text can be read again and
    gives the same values.
    """
    lines = _mapping(root, "", in_list=False)
    return "\n".join(lines or ["{}"]) + "\n"


def to_yaml(data: dict[str, Any]) -> str:
    """Return plain data as YAML from which `read` returns the same data."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """A dumper that quotes text unless all YAML versions read it as text, unlike `on` and `1e5`."""


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style=None if format_scalar(text) == text else '"'
    ),
)


def format_scalar(text: str) -> str:
    """Return the text without quotes if YAML reads it as the same text, else in double quotes."""
    if _BARE.fullmatch(text) and text not in _RESERVED and len(text) < 100:
        return text
    return "".join(
        c if c.isprintable() else _escape(c) for c in json.dumps(text, ensure_ascii=False)
    )


def _mapping(node: Mapping, indent: str, in_list: bool) -> list[str]:
    lines = []
    for key, (_, value) in node.entries.items():
        if in_list or not isinstance(value, Scalar) or value.value is not None:
            lines += _value(f"{indent}{format_scalar(key)}:", value, indent + "  ", in_list)
    return lines


def _value(head: str, node: Node, indent: str, in_list: bool) -> list[str]:
    if isinstance(node, Mapping):
        lines = _mapping(node, indent, in_list)
        return [head, *lines] if lines else [f"{head} {{}}  {_origin(node)}"]
    if isinstance(node, Sequence):
        scalars = [item for item in node.items if isinstance(item, Scalar)]
        if len(scalars) == len(node.items):
            items = ", ".join(_scalar(item) for item in scalars)
            return [f"{head} [{items}]  {_origin(node)}"]
        lines = [
            line for item in node.items for line in _value(f"{indent}-", item, indent + "  ", True)
        ]
        return [head, *lines]
    return [f"{head} {_scalar(node)}  {_origin(node)}"]


def _scalar(node: Scalar) -> str:
    if isinstance(node.value, str):
        return format_scalar(node.value)
    return node.text if node.value is not None else "null"


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _origin(node: Node) -> str:
    source = node.defined_at.source
    return "# --set" if source.option else f"# {_comment(source.name)}:{node.defined_at.line}"


def _comment(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name)
