"""YAML is parsed strictly, and each problem is reported in one sentence at its position."""

import pytest

from archbuilder.language import SpecError, read, source
from archbuilder.language.node import Source, SourcePosition
from archbuilder.language.source import parse


def value(text):
    """Return the value after `a:`."""
    problems = []
    node = parse(f"a: {text}", Source("s", ".", 0), lambda *problem: problems.append(problem))
    assert problems == []
    return node.entries["a"][1].value


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1e-4", 1e-4), ("1E5", 1e5), (".5", 0.5), ("-1.5", -1.5), ("1.", 1.0), ("+.5e+3", 500.0)],
)
def test_all_float_formats_are_parsed_as_floats(text, expected):
    assert value(text) == expected
    assert isinstance(value(text), float)


@pytest.mark.parametrize(
    ("text", "expected"), [("0", 0), ("-12", -12), ("+7", 7), ("37000", 37000)]
)
def test_decimal_integers_are_integers(text, expected):
    assert value(text) == expected
    assert isinstance(value(text), int)


@pytest.mark.parametrize(
    "text",
    [
        "04",
        "0x10",
        "0o7",
        "0b1",
        "1_000",
        "1:30",
        "on",
        "off",
        "yes",
        "no",
        "True",
        "NULL",
        "y",
        "2024-01-01",
        "1e",
        ".",
        "-x",
        "'4'",
        '"null"',
        "1,5",
        "04.5",
        "e5",
        "=",
        "+",
    ],
)
def test_values_that_only_some_parsers_convert_remain_text(text):
    assert value(text) == text.strip("'\"")


def test_only_true_false_and_null_are_constants():
    assert [value(text) for text in ("true", "false", "null", "~", "")] == [
        True,
        False,
        None,
        None,
        None,
    ]


SYNTAX = {
    "a: 1\na: 2": "2:1: 'a' is written twice; the first is on line 1",
    "{a: 1, b: 2, a: 3}": "1:14: 'a' is written twice; the first is on line 1",
    "a: !!str b": "1:4: YAML tags are not supported; remove the tag that starts with '!'",
    "a: !!python/object:os.system x": "1:4: YAML tags are not supported; "
    "remove the tag that starts with '!'",
    "a: !e!x 1": "1:4: YAML tags are not supported; remove the tag that starts with '!'",
    "a: ! 1": "1:4: YAML tags are not supported; remove the tag that starts with '!'",
    "<<: 1": "1:1: '<<' is not supported; repeat the fields, or use 'extends'",
    "1: 2": "1:1: a key must be text, not 1; quote it",
    "? \n: 2": "1:2: a key is missing before the ':'",
    "a: - 1": "1:4: unexpected '-' of a list item; start the list on a new line",
    "a: ? 1": "1:4: text that starts with '?' must be quoted",
    "  a: 1\nb: 2": "2:1: does not match the lines above; check the indentation",
    "~: 2": "1:1: a key must be text, not ~; quote it",
    "? [a]\n: 1": "1:3: a key must be text, not a list",
    "? {a: b}\n: 1": "1:3: a key must be text, not a mapping",
    "k" * 201 + ": 1": "1:1: a key must have at most 200 characters, not 201",
    "a: 1\n---\nb: 2": "2:1: second YAML document; a spec must be one document",
    "a:\n\tb: 1": "2:1: unexpected tab; indent and separate with spaces",
    "a: 1\t": "1:5: unexpected tab; indent and separate with spaces",
    "a: [1\nb: 2": "1:4: this list is not closed with ']', or a ',' is missing in it",
    "a: {b: 1\nc": "1:4: this mapping is not closed with '}', or a ',' is missing in it",
    "a: 'b\nc: d": "1:4: this quote is not closed",
    "a: b: c": "1:5: unexpected ':'; check the indentation of the line above, or quote this text",
    "a: 1\n  b: 2": "2:4: unexpected ':'; check the indentation of the line above, or quote "
    "this text",
    "a:\n  b: 1\n c: 1": "3:2: does not match the lines above; check the indentation",
    "a: @x": "1:4: text that starts with '@' must be quoted",
    "a: %x": "1:4: text that starts with '%' must be quoted",
    'a: "\\q"': "1:6: unknown escape sequence; put text with backslashes in single quotes",
    'a: "\\UFFFFFFFF"': "1:7: invalid escape sequence or directive",
    'a: "\\ud800"': "1:4: the character U+D800 is not allowed in a text",
    'a: "x\\0"': "1:4: the character U+0000 is not allowed in a text",
    "a: 1\nb": "2:1: a ':' is missing after this",
    "a: 1\ntwo words\nb: 2": "2:1: a ':' is missing after this",
    "a: *x": "1:4: the anchor &x is not defined above",
    "a: &x [*x]": "1:8: the anchor &x refers to itself",
    "a: &x {b: {c: *x}}": "1:15: the anchor &x refers to itself",
    "a: [,]": "1:5: expected a value",
    "%YAML 1.2\n---\na: 1": "1:1: YAML directives are not supported; remove "
    "the line that starts with '%'",
    "%TAG ! x\n---\na: 1": "1:1: YAML directives are not supported; remove "
    "the line that starts with '%'",
    "a: \x01": "1:4: the character U+0001 is not allowed",
    "a: b\nc: \x85d": "2:4: the character U+0085 is not allowed",
    "a: \ufeffb": "1:4: the character U+FEFF is not allowed",
    "a: " + "9" * 5000: "1:4: a number must have at most 300 digits, not 5,000",
    "[" * 3000: "1:65: is nested deeper than 64 levels",
    "{a: " * 3000: "1:254: is nested deeper than 64 levels",
    "- " * 3000: "1:129: is nested deeper than 64 levels",
    "- a": "1:1: a spec must be a mapping of fields, not a list",
    "just text": "1:1: a spec must be a mapping of fields, not a single value",
    "a:1": "1:1: a spec must be a mapping of fields, not a single value",
}


@pytest.mark.parametrize("text", SYNTAX, ids=lambda text: text[:20])
def test_syntax_problem_is_reported_at_its_position(text, lines):
    assert lines(text) == [f"spec.yaml:{SYNTAX[text]}"]


BYTES = {
    b"": ": is empty; a spec must be a mapping of fields",
    b"# comment\n": ": is empty; a spec must be a mapping of fields",
    b"---\n": ": is empty; a spec must be a mapping of fields",
    b"\xef\xbb\xbf": ": is empty; a spec must be a mapping of fields",
    "name: x".encode("utf-16"): ":1:1: this is UTF-16 or UTF-32 text; save it as UTF-8",
    "name: x".encode("utf-16-le"): ":1:1: this is UTF-16 or UTF-32 text; save it as UTF-8",
    "name: x".encode("utf-32"): ":1:1: this is UTF-16 or UTF-32 text; save it as UTF-8",
    b"a: b\r\nc: \xe9": ":2:4: the byte 0xe9 at offset 9 is not UTF-8; save it as UTF-8",
    b"\xef\xbb\xbfa: \xc3\xa9\xff": ":1:5: the byte 0xff at offset 8 is not UTF-8; "
    "save it as UTF-8",
    b"\xff": ":1:1: the byte 0xff at offset 0 is not UTF-8; save it as UTF-8",
    b"a: b\0": ":1:5: the character U+0000 is not allowed",
    b"a: " + b"x" * 1_000_001: ": is larger than 1,000,000 bytes, the maximum size of a spec",
}


@pytest.mark.parametrize("data", BYTES, ids=lambda data: repr(data[:12]))
def test_invalid_bytes_are_reported_in_one_line(data, lines):
    assert lines(data) == [f"spec.yaml{BYTES[data]}"]


def test_byte_order_mark_and_windows_line_endings_are_accepted(write):
    write(spec=b"\xef\xbb\xbfname: x\r\nmodel:\r\n  hidden_dim: 4\r\n")
    assert read("spec.yaml").to_python() == {"name": "x", "model": {"hidden_dim": 4}}


def test_columns_count_characters_not_bytes(lines):
    assert lines("é: {ü: 1, ü: 2}") == [
        "spec.yaml:1:11: 'ü' is written twice; the first is on line 1"
    ]


def test_all_syntax_problems_are_reported_at_once(lines):
    assert lines("a: !!str b\n<<: c\n1: 2\nd: *x\nb: 1\nb: 2") == [
        "spec.yaml:1:4: YAML tags are not supported; remove the tag that starts with '!'",
        "spec.yaml:2:1: '<<' is not supported; repeat the fields, or use 'extends'",
        "spec.yaml:3:1: a key must be text, not 1; quote it",
        "spec.yaml:4:4: the anchor &x is not defined above",
        "spec.yaml:6:1: 'b' is written twice; the first is on line 5",
    ]


def test_nine_levels_of_nine_aliases_are_rejected_before_they_are_expanded(lines, monkeypatch):
    levels = ["a0: &a0 [x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    nodes, compose = [], source._Composer._node
    monkeypatch.setattr(
        source._Composer, "_node", lambda *arguments: nodes.append(0) or compose(*arguments)
    )
    (line,) = lines("\n".join(levels))
    assert "the spec has more than 20,000 values after its aliases are expanded" in line
    assert 0 < len(nodes) < 200


def test_aliases_cannot_be_nested_deeper_than_the_maximum(lines):
    chain = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 70)]
    assert "is nested deeper than 64 levels" in lines("\n".join(chain))[0]


def test_unreadable_file_is_reported_in_one_line(here):
    (here / "folder.yaml").mkdir()
    for path, message in {
        "none.yaml": "there is no such file",
        "folder.yaml": "is a directory",
        "/dev/null": "is not a regular file",
        "a\0b": "invalid file name",
    }.items():
        with pytest.raises(SpecError) as error:
            read(path)
        assert len(error.value.lines) == 1
        assert error.value.lines[0].endswith(message)


def test_file_is_named_as_the_user_named_it(here, write):
    (here / "sub").mkdir()
    (here / "sub" / "bad.yaml").write_text("- a")
    for name in ("sub/bad.yaml", "./sub/bad.yaml", str(here / "sub" / "bad.yaml")):
        with pytest.raises(SpecError, match=f"^{name}:1:1: "):
            read(name)


def test_error_lines_are_printable_and_without_line_breaks(here):
    (here / "new\nline\udcff.yaml").write_text("- a")
    with pytest.raises(SpecError) as error:
        read("new\nline\udcff.yaml")
    assert str(error.value).encode().startswith(b"new\\nline\\udcff.yaml:1:1: ")


def test_position_of_an_option_is_the_option():
    assert str(SourcePosition(Source("--set a=1", ".", 3, option=True), 1, 1)) == "--set a=1"
