"""The resolved text contains the same spec with the origin of each value."""

import json

import pytest

from archbuilder.language import read, validate_tree
from tests.language.toy import SPEC, Toy


def test_each_value_is_followed_by_its_origin(write):
    write(
        spec="extends: base.yaml\na: {c: 3}\nd: [1, x]\ne: null\nf: [{g: null}, [2]]\nh: {}",
        base="# a comment\na: {b: 1e-4, c: 2}\ne: 1",
    )
    assert read("spec.yaml", ["i.j=text"]).resolved_text() == (
        "a:\n"
        "  b: 1e-4  # base.yaml:2\n"
        "  c: 3  # spec.yaml:2\n"
        "d: [1, x]  # spec.yaml:3\n"
        "f:\n"
        "  -\n"
        "    g: null  # spec.yaml:5\n"
        "  - [2]  # spec.yaml:5\n"
        "h: {}  # spec.yaml:6\n"
        "i:\n"
        "  j: text  # --set\n"
    )


def test_alias_has_the_origin_of_its_anchor(write):
    write(spec="a: &n 5\nb: *n")
    assert read("spec.yaml").resolved_text() == "a: 5  # spec.yaml:1\nb: 5  # spec.yaml:1\n"


UNUSUAL_TEXTS = [
    "null",
    "true",
    "4",
    "04",
    "1e5",
    "",
    " a",
    "a ",
    "a: b",
    "a #b",
    "- a",
    "é",
    "'",
    '"',
    "\\",
]
UNUSUAL_TEXTS += [
    "a\nb",
    "\t",
    "x" * 500,
    "{a}",
    "[",
    "*a",
    "&a",
    "!a",
    "~",
    "yes",
    "a-b",
    "a.b",
    ".5",
    "😀",
]
UNUSUAL_TEXTS += [
    "a" * 99 + " " + "b" * 99,
    "$x",
    "%x",
    "@",
    "`",
    "a:",
    "?",
    "|",
    ">",
    ",",
    "=",
    "<<x",
    "\xa0",
]


@pytest.mark.parametrize("text", UNUSUAL_TEXTS, ids=range(len(UNUSUAL_TEXTS)))
def test_any_text_is_read_again_as_the_same_text(text, here):
    quoted = json.dumps(text, ensure_ascii=False)
    key = quoted if len(text) < 200 else "key"
    (here / "original.yaml").write_text(f"{key}: {quoted}\nlist: [{quoted}]\n")
    tree = read("original.yaml")
    (here / "resolved.yaml").write_text(tree.resolved_text())
    assert read("resolved.yaml").to_python() == tree.to_python()
    assert text in tree.to_python().values()


def test_resolved_spec_is_the_same_spec(write, here):
    write(spec=SPEC)
    tree = read("spec.yaml", ["model.encoder.num_layers=4"])
    (here / "again.yaml").write_text(tree.resolved_text())
    assert validate_tree(read("again.yaml"), Toy) == validate_tree(tree, Toy)
