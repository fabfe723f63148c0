"""Tables of every type: columns, rows, and errors."""

import pytest
from pydantic import ValidationError

from archbuilder.errors import UserError
from archbuilder.text.corpus import SkipLog
from tests.text.corpus.sample_corpora import corpus, one_file, skipped, texts

KINDS = ("tsv", "csv", "jsonl")


def read(folder, kind, content, **settings):
    """Return the texts of a table."""
    table = one_file(folder, kind, content, f"t.{kind}", **({"text": "text"} | settings))
    return list(texts(table.records()))


def error_message(folder, kind, content, **settings):
    """Return the error for a table, without the folder."""
    with pytest.raises(UserError) as error:
        read(folder, kind, content, **settings)
    return str(error.value).removeprefix(f"{folder}/")


def test_lines_of_cells_are_sentences_of_documents_and_joined_in_pairs(tmp_path):
    content = 'text,de\r\n"a ""b"",\r\n\r\n c","A\nB"\r\nd,D\r\n'
    assert read(tmp_path, "csv", content) == [['a "b",', "c"], ["d"]]
    pair = {"text": None, "source": "text", "target": "de"}
    assert read(tmp_path, "csv", content, **pair) == [('a "b", c', "A B"), ("d", "D")]


def test_tabs_separate_cells_and_quotes_are_text(tmp_path):
    assert read(tmp_path, "tsv", 'no\ttext\r\n1\t"a\r\n2\tb"\n') == [['"a'], ['b"']]


def test_columns_can_be_named_without_a_header(tmp_path):
    for kind, sign in (("tsv", "\t"), ("csv", ",")):
        content = f"1{sign}a\n2{sign}b\n"
        assert read(tmp_path, kind, content, columns=["no", "text"]) == [["a"], ["b"]]


def test_dots_address_nested_keys(tmp_path):
    content = '{"t": {"en": "a", "de": "A"}, "t.de": "whole"}\n'
    assert read(tmp_path, "jsonl", content, text="t.en") == [["a"]]
    assert read(tmp_path, "jsonl", content, text="t.de") == [["whole"]]


@pytest.mark.parametrize(
    ("kind", "content", "problem"),
    [
        ("csv", "text,label\na,1\n", "t.csv:1: no column 'txt'; it has 'text', 'label'"),
        ("tsv", "text\tlabel\na\t1\n", "t.tsv:1: no column 'txt'; it has 'text', 'label'"),
        ("jsonl", '{"txt":""}\n{"text":1}', "t.jsonl:2: no key 'txt'; it has 'text'"),
    ],
)
def test_error_for_a_missing_column_lists_the_existing_ones(kind, content, problem, tmp_path):
    expected = f"{problem}; did you mean 'text'?"
    assert error_message(tmp_path, kind, content, text="txt") == expected


def test_error_for_a_missing_column_lists_a_limited_number(tmp_path):
    header = ",".join(f"c{number}" for number in range(2000))
    assert error_message(tmp_path, "csv", f"{header}\n", text="label").endswith(
        "'c11' and 1,988 others"
    )


@pytest.mark.parametrize(
    ("kind", "content", "problem"),
    [
        ("csv", "no,text\n1,a\n\n1,a,b\n", "t.csv:4: expected 2 cells, got 3"),
        ("csv", 'no,text\n1,"a\nb"\n1\n', "t.csv:4: expected 2 cells, got 1"),
        ("tsv", "no\ttext\n1\ta\tb\n", "t.tsv:2: expected 2 cells, got 3"),
        ("csv", "text,text\na,b\n", "t.csv:1: the column 'text' occurs more than once"),
        ("csv", 'text\na\n"b\nc\n', "t.csv:3: a quote that opens in this row is not closed"),
        (
            "csv",
            'text\n"b" c\n',
            "t.csv:2: expected ',' or the end of the line after a closing quote",
        ),
        ("csv", "text\na\rb\n", "t.csv:2: carriage return outside of quotes"),
        ("jsonl", '{"text":"a"}\n{"text"}', "t.jsonl:2: invalid JSON at column 8: "),
        ("jsonl", '"text"', "t.jsonl:1: must be a JSON object, whose keys are the columns"),
        ("jsonl", "[" * 100_000, "t.jsonl:1: unsupported JSON: "),
        ("jsonl", '{"text": 5}', "t.jsonl:1: 'text' must be text, but is a number"),
        ("jsonl", '{"text": ["a"]}', "t.jsonl:1: 'text' must be text, but is a list"),
        ("jsonl", '{"text": {}}', "t.jsonl:1: 'text' must be text, but is a mapping"),
        ("jsonl", '{"text": true}', "t.jsonl:1: 'text' must be text, but is true or false"),
        (
            "jsonl",
            r'{"text": "a\ud83d"}',
            r"t.jsonl:1: 'text' contains \ud83d, half of a surrogate pair",
        ),
    ],
)
def test_invalid_row_is_an_error_at_its_line(kind, content, problem, tmp_path):
    assert error_message(tmp_path, kind, content).startswith(problem)


def test_surrogate_pair_is_a_character(tmp_path):
    assert read(tmp_path, "jsonl", r'{"text": "\ud83d\ude00"}') == [["😀"]]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("tsv", "text\tde\na\tA\n\n \tB\n \tC\n"),
        ("csv", "text,de\na,A\n\n,B\n,C\n"),
        ("jsonl", '{"text":"a","de":"A"}\n\n\n{"text":null,"de":"B"}\n{"text":" ","de":"C"}\n'),
    ],
)
def test_empty_rows_and_cells_are_skipped_and_counted(kind, content, tmp_path):
    for settings, reason in (
        ({"text": "text"}, "empty document"),
        ({"source": "text", "target": "de"}, "empty side"),
    ):
        log, table = SkipLog(), one_file(tmp_path, kind, content, **settings)
        assert list(texts(table.records(log))) == [["a"] if table.text else ("a", "A")]
        lines = {"tsv": (3, 4), "csv": (3, 4), "jsonl": (2, 4)}[kind]
        blank = 2 if kind == "jsonl" else 1
        assert skipped(log) == {
            "empty line": (blank, f"{tmp_path}/text:{lines[0]}"),
            reason: (2, f"{tmp_path}/text:{lines[1]}"),
        }


@pytest.mark.parametrize(
    ("kind", "content"), [("tsv", "text\n"), ("csv", "text\n\n"), ("jsonl", '{"text": null}\n')]
)
def test_table_without_text_is_an_error(kind, content, tmp_path):
    assert error_message(tmp_path, kind, content) == f"t.{kind}: contains no text"


@pytest.mark.parametrize("kind", KINDS)
def test_lines_of_documents_are_limited_and_documents_are_not(kind, tmp_path):
    head, tail = {"jsonl": ('{"text": "', '"}')}.get(kind, ("text\n", ""))
    assert len(read(tmp_path, kind, f"{head}{'a' * 999_000}{tail}")[0][0]) == 999_000
    line = 1 if kind == "jsonl" else 2
    assert error_message(tmp_path, kind, f"{head}{'é' * 600_000}{tail}") == (
        f"t.{kind}:{line}: line has more than 1,000,000 bytes; write each sentence on its own line"
    )
    whole = f'text\n"{"aaaaaaa" * 99}' + "\naaaaaaa" * 200_000 + '"\n'
    if kind == "csv":
        assert len(read(tmp_path, kind, whole)[0]) == 200_001


def test_check_reports_a_missing_column_of_any_file(tmp_path):
    first = one_file(tmp_path, "csv", "text\na\n", "1.csv", text="text")
    one_file(tmp_path, "csv", "txt\na\n", "2.csv", text="text")
    first.check()
    both = corpus(type="csv", files=[f"{tmp_path}/*.csv"], text="text")
    with pytest.raises(UserError, match=r"2.csv:1: no column 'text'; it has 'txt'; did you"):
        both.check()


@pytest.mark.parametrize("kind", [*KINDS, "parquet"])
@pytest.mark.parametrize(
    "named",
    [{}, {"source": "a"}, {"target": "a"}, {"text": "a", "source": "b", "target": "c"}],
)
def test_columns_must_be_those_of_documents_or_pairs(kind, named):
    with pytest.raises(
        ValidationError, match="must have either 'text', for documents, or 'source'"
    ):
        corpus(type=kind, files=["t"], **named)


def test_named_columns_must_contain_the_used_ones_once():
    settings = {"type": "tsv", "files": ["t"], "text": "text"}
    with pytest.raises(
        ValidationError, match=r"no column 'text' in 'columns'; did you mean 'txt'?"
    ):
        corpus(columns=["txt"], **settings)
    with pytest.raises(ValidationError, match="'text' occurs more than once"):
        corpus(columns=["text", "text"], **settings)
    with pytest.raises(ValidationError, match="must name at least one column"):
        corpus(columns=[], **settings)


def test_fingerprint_depends_on_the_columns(tmp_path):
    fingerprints = {
        one_file(tmp_path, "csv", "a,b\nx,y\n", **settings).fingerprint()
        for settings in ({"text": "a"}, {"text": "b"}, {"source": "a", "target": "b"})
    }
    assert len(fingerprints) == 3
