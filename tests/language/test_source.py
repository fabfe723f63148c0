"""YAML's traps, each closed with one sentence at its place."""

import pytest

from archbuilder.language import SpecError, read, source
from archbuilder.language.node import Place, Source
from archbuilder.language.source import parse


def value(text):
    """What the value after `a:` is read as."""
    said = []
    node = parse(f"a: {text}", Source("s", ".", 0), lambda place, sentence: said.append(sentence))
    assert said == []
    return node.entries["a"][1].value


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1e-4", 1e-4), ("1E5", 1e5), (".5", 0.5), ("-1.5", -1.5), ("1.", 1.0), ("+.5e+3", 500.0)],
)
def test_every_way_to_write_a_float_is_a_float(text, expected):
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
def test_what_only_some_parsers_take_for_more_stays_text(text):
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
    "a: !!str b": "1:4: tags that begin with '!' are not accepted; write the bare value",
    "a: !!python/object:os.system x": "1:4: tags that begin with '!' are not accepted; "
    "write the bare value",
    "a: !e!x 1": "1:4: tags that begin with '!' are not accepted",
    "a: ! 1": "1:4: tags that begin with '!' are not accepted; write the bare value",
    "<<: 1": "1:1: '<<' is not accepted; write the fields out, or use 'extends'",
    "1: 2": "1:1: a key is text, not 1; put it in quotes",
    "? \n: 2": "1:2: a key is missing before the ':'",
    "a: - 1": "1:4: an item's '-' cannot stand here; begin it on a new line",
    "a: ? 1": "1:4: a text beginning with '?' must be quoted",
    "  a: 1\nb: 2": "2:1: this does not fit the lines above: is it indented right?",
    "~: 2": "1:1: a key is text, not ~; put it in quotes",
    "? [a]\n: 1": "1:3: a list cannot be a key; a key is text",
    "? {a: b}\n: 1": "1:3: a mapping cannot be a key; a key is text",
    "k" * 201 + ": 1": "1:1: a key of 201 characters is too long",
    "a: 1\n---\nb: 2": "2:1: a second document begins here; a spec is one document",
    "a:\n\tb: 1": "2:1: a tab stands here; indent and separate with spaces",
    "a: 1\t": "1:5: a tab stands here; indent and separate with spaces",
    "a: [1\nb: 2": "1:4: this list is not closed with ']', or a ',' is missing in it",
    "a: {b: 1\nc": "1:4: this mapping is not closed with '}', or a ',' is missing in it",
    "a: 'b\nc: d": "1:4: the quotes that open here are not closed",
    "a: b: c": "1:5: no ':' can stand here: is the line above indented right, or should this text "
    "stand in quotes?",
    "a: 1\n  b: 2": "2:4: no ':' can stand here: is the line above indented right, or should this "
    "text stand in quotes?",
    "a:\n  b: 1\n c: 1": "3:2: this does not fit the lines above: is it indented right?",
    "a: @x": "1:4: a text beginning with '@' must be quoted",
    "a: %x": "1:4: a text beginning with '%' must be quoted",
    'a: "\\q"': "1:6: no such escape after a backslash; a text with backslashes stands in single "
    "quotes",
    'a: "\\UFFFFFFFF"': "1:7: this escape or directive cannot be read",
    'a: "\\ud800"': "1:4: the character U+D800 is not allowed in a text",
    'a: "x\\0"': "1:4: the character U+0000 is not allowed in a text",
    "a: 1\nb": "2:1: a ':' is missing after this",
    "a: 1\nsome words\nb: 2": "2:1: a ':' is missing after this",
    "a: *x": "1:4: no anchor &x stands above",
    "a: &x [*x]": "1:8: the anchor &x refers to itself",
    "a: &x {b: {c: *x}}": "1:15: the anchor &x refers to itself",
    "a: [,]": "1:5: a value should stand here",
    "%YAML 1.2\n---\na: 1": "1:1: a line that begins with '%' has no use in a spec",
    "%TAG ! x\n---\na: 1": "1:1: a line that begins with '%' has no use in a spec",
    "a: \x01": "1:4: the character U+0001 is not allowed",
    "a: b\nc: \x85d": "2:4: the character U+0085 is not allowed",
    "a: \ufeffb": "1:4: the character U+FEFF is not allowed",
    "a: " + "9" * 5000: "1:4: a number of 5,000 digits is too long",
    "[" * 3000: "1:65: this is nested deeper than 64 levels",
    "{a: " * 3000: "1:254: this is nested deeper than 64 levels",
    "- " * 3000: "1:129: this is nested deeper than 64 levels",
    "- a": "1:1: a spec is a mapping of fields, not a list",
    "just text": "1:1: a spec is a mapping of fields, not a single value",
    "a:1": "1:1: a spec is a mapping of fields, not a single value",
}


@pytest.mark.parametrize("text", SYNTAX, ids=lambda text: text[:20])
def test_each_trap_is_one_sentence_at_its_place(text, lines):
    assert lines(text) == [f"spec.yaml:{SYNTAX[text]}"]


BYTES = {
    b"": ": is empty; a spec is a mapping of fields",
    b"# nothing\n": ": is empty; a spec is a mapping of fields",
    b"---\n": ": is empty; a spec is a mapping of fields",
    b"\xef\xbb\xbf": ": is empty; a spec is a mapping of fields",
    "name: x".encode("utf-16"): ":1:1: this is UTF-16 or UTF-32 text; save it as UTF-8",
    "name: x".encode("utf-16-le"): ":1:1: this is UTF-16 or UTF-32 text; save it as UTF-8",
    "name: x".encode("utf-32"): ":1:1: this is UTF-16 or UTF-32 text; save it as UTF-8",
    b"a: b\r\nc: \xe9": ":2:4: the byte 0xe9 at offset 9 is not UTF-8; save it as UTF-8",
    b"\xef\xbb\xbfa: \xc3\xa9\xff": ":1:5: the byte 0xff at offset 8 is not UTF-8; "
    "save it as UTF-8",
    b"\xff": ":1:1: the byte 0xff at offset 0 is not UTF-8; save it as UTF-8",
    b"a: b\0": ":1:5: the character U+0000 is not allowed",
    b"a: " + b"x" * 1_000_001: ": is larger than the 1,000,000 bytes that a spec may have",
}


@pytest.mark.parametrize("data", BYTES, ids=lambda data: repr(data[:12]))
def test_wrong_bytes_are_one_sentence(data, lines):
    assert lines(data) == [f"spec.yaml{BYTES[data]}"]


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(write):
    write(spec=b"\xef\xbb\xbfname: x\r\nmodel:\r\n  hidden_dim: 4\r\n")
    assert read("spec.yaml").to_python() == {"name": "x", "model": {"hidden_dim": 4}}


def test_columns_count_characters_not_bytes(lines):
    assert lines("é: {ü: 1, ü: 2}") == [
        "spec.yaml:1:11: 'ü' is written twice; the first is on line 1"
    ]


def test_all_mistakes_of_writing_are_told_at_once(lines):
    assert lines("a: !!str b\n<<: c\n1: 2\nd: *x\nb: 1\nb: 2") == [
        "spec.yaml:1:4: tags that begin with '!' are not accepted; write the bare value",
        "spec.yaml:2:1: '<<' is not accepted; write the fields out, or use 'extends'",
        "spec.yaml:3:1: a key is text, not 1; put it in quotes",
        "spec.yaml:4:4: no anchor &x stands above",
        "spec.yaml:6:1: 'b' is written twice; the first is on line 5",
    ]


def test_nine_levels_of_nine_aliases_are_refused_before_they_are_written_out(lines, monkeypatch):
    levels = ["a0: &a0 [x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    nodes, compose = [], source._Composer._node
    monkeypatch.setattr(
        source._Composer, "_node", lambda *arguments: nodes.append(0) or compose(*arguments)
    )
    (line,) = lines("\n".join(levels))
    assert "with its aliases written out, the spec has more than 20,000 values" in line
    assert 0 < len(nodes) < 200


def test_aliases_cannot_nest_deeper_than_the_budget(lines):
    chain = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 70)]
    assert "is nested deeper than 64 levels" in lines("\n".join(chain))[0]


def test_a_missing_file_a_folder_and_a_device_are_one_sentence_each(here):
    (here / "folder.yaml").mkdir()
    for path, sentence in {
        "none.yaml": "there is no such file",
        "folder.yaml": "is a directory",
        "/dev/null": "is not a regular file",
        "a\0b": "its name is not one that a file can have",
    }.items():
        with pytest.raises(SpecError) as refused:
            read(path)
        assert len(refused.value.lines) == 1
        assert refused.value.lines[0].endswith(sentence)


def test_a_file_is_called_as_the_user_calls_it(here, write):
    (here / "sub").mkdir()
    (here / "sub" / "bad.yaml").write_text("- a")
    for name in ("sub/bad.yaml", "./sub/bad.yaml", str(here / "sub" / "bad.yaml")):
        with pytest.raises(SpecError, match=f"^{name}:1:1: "):
            read(name)


def test_a_line_never_breaks_and_never_fails_to_print(here):
    (here / "new\nline\udcff.yaml").write_text("- a")
    with pytest.raises(SpecError) as refused:
        read("new\nline\udcff.yaml")
    assert str(refused.value).encode().startswith(b"new\\nline\\udcff.yaml:1:1: ")


def test_a_place_of_an_option_is_the_option():
    assert str(Place(Source("--set a=1", ".", 3, option=True), 1, 1)) == "--set a=1"
