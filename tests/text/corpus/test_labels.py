"""Labels and tags of the records of every corpus type that has them."""

import json
import sys

import pytest
from pydantic import ValidationError

from archbuilder.errors import UserError
from archbuilder.text.corpus import SkipLog
from tests.text.corpus.sample_corpora import StubData, corpus, one_file, skipped, stub_datasets


def labels(source, log=None):
    return [record.columns["label"] for record in source.records(log)]


def parquet(path, **columns):
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.table(columns), path)
    return corpus(type="parquet", files=[str(path)], text="text", label="label")


@pytest.mark.parametrize(("kind", "separator"), [("csv", ","), ("tsv", "\t")])
def test_cells_of_text_files_are_integers_decimals_or_text(kind, separator, tmp_path):
    cells = ["1", "-2", "0.50", "1e-3", " good ", "007", "1.2.3", "true", "1" * 30]
    content = "text,label\n" + "".join(f"a,{cell}\n" for cell in cells)
    table = one_file(tmp_path, kind, content.replace(",", separator), text="text", label="label")
    expected = [1, -2, 0.5, 0.001, "good", "007", "1.2.3", "true", "1" * 30]
    assert labels(table) == expected
    assert [type(label) for label in labels(table)] == [type(label) for label in expected]


def test_json_labels_keep_their_types(tmp_path):
    values = ["1", 1, 1.0, True, {"no": 2}]
    content = "".join(
        json.dumps({"text": "a", "gold": {"label": label}}) + "\n" for label in values
    )
    table = one_file(tmp_path, "jsonl", content, text="text", label="gold.label")
    records = table.records()
    read = [next(records).columns["label"] for _ in values[:-1]]
    expected = values[:-1]
    assert [(type(label), label) for label in read] == [(type(label), label) for label in expected]
    with pytest.raises(
        UserError, match=r"/text:5: 'gold\.label' is not a valid label; it must be text"
    ):
        next(records)


@pytest.mark.parametrize("number", ["1e999", "-Infinity", str(2**63)])
def test_numbers_that_cannot_be_stored_are_errors(number, tmp_path):
    content = f'{{"text": "a", "label": {number}}}\n'
    table = one_file(tmp_path, "jsonl", content, text="text", label="label")
    with pytest.raises(UserError, match="/text:1: 'label' is not a valid label"):
        labels(table)


def test_parquet_columns_of_each_type_are_labels(tmp_path):
    for number, column in enumerate((["b", "a"], [3, 1], [0.5, 2.0], [True, False])):
        assert labels(parquet(tmp_path / f"{number}", text=["x", "y"], label=column)) == column


def test_nulls_and_nans_are_records_without_a_label(tmp_path):
    log = SkipLog()
    table = parquet(tmp_path / "t", text=["a", "b", "c", ""], label=[0.5, None, float("nan"), 1.0])
    assert labels(table, log) == [0.5]
    assert skipped(log) == {
        "record without a label": (2, f"{tmp_path}/t:2"),
        "empty document": (1, f"{tmp_path}/t:4"),
    }
    assert {item.unit for item in log.skipped()} == {"documents"}


def test_hugging_face_data_set_has_labels(monkeypatch):
    rows = [{"en": "a", "de": "A", "ok": True}, {"en": "b", "de": "B", "ok": None}]
    stub = stub_datasets(lambda path, name, split: StubData(rows))
    monkeypatch.setitem(sys.modules, "datasets", stub)
    labeled = corpus(type="hugging_face", path="set", source="en", target="de", label="ok")
    plain = corpus(type="hugging_face", path="set", source="en", target="de")
    log = SkipLog()
    assert [record.columns for record in labeled.records(log)] == [
        {"source": "a", "target": "A", "label": True}
    ]
    assert skipped(log) == {"record without a label": (1, "set:2")}
    assert labeled.fingerprint() != plain.fingerprint()


def test_pairs_have_labels(tmp_path):
    content = "a,b,label\nx,y,1\nx,y,\n,y,2\n"
    table = one_file(tmp_path, "csv", content, source="a", target="b", label="label")
    assert table.record_columns() == {"source": "line", "target": "line", "label": "label"}
    log = SkipLog()
    (record,) = table.records(log)
    assert record.columns == {"source": "x", "target": "y", "label": 1}
    assert list(table.lines()) == ["x", "y"]
    assert [(item.unit, item.reason) for item in log.skipped()] == [
        ("pairs", "record without a label"),
        ("pairs", "empty side"),
    ]


def test_missing_label_column_is_an_error_of_check(tmp_path):
    table = one_file(tmp_path, "csv", "text,labels\na,1\n", text="text", label="label")
    with pytest.raises(UserError, match=r"no column 'label'; it has .*; did you mean 'labels'"):
        table.check()
    with pytest.raises(ValidationError, match="no column 'label' in 'columns'"):
        one_file(tmp_path, "tsv", "", text="a", label="label", columns=["a", "b"])


def test_fingerprint_depends_on_the_label_column(tmp_path):
    content = "text,a,b\nx,1,2\n"
    fingerprints = [
        one_file(tmp_path, "csv", content, text="text", **settings).fingerprint()
        for settings in ({}, {"label": None}, {"label": "a"}, {"label": "b"})
    ]
    assert fingerprints[0] == fingerprints[1]
    assert len(set(fingerprints)) == 3


CONLL = """\
-DOCSTART- -X- -X- O

EU NNP B-ORG
rejects VBZ O

Peter NNP B-PER

-DOCSTART- -X- -X- O

So RB O
"""


def test_conll_tags_are_aligned_with_the_words(tmp_path):
    tagged = one_file(tmp_path, "columns", CONLL, tags=2)
    assert tagged.record_columns() == {"text": "sentences", "tags": "tags"}
    assert [record.columns for record in tagged.records()] == [
        {"text": ["EU rejects", "Peter"], "tags": [["B-ORG", "O"], ["B-PER"]]},
        {"text": ["So"], "tags": [["O"]]},
    ]
    plain, same = one_file(tmp_path, "columns", CONLL), one_file(tmp_path, "columns", CONLL, tags=2)
    assert plain.fingerprint() != tagged.fingerprint() == same.fingerprint()


def test_tags_of_words_outside_of_the_text_are_skipped(tmp_path):
    def row(number, word, tag):
        return "\t".join([number, word, "_", tag, *["_"] * 6])

    rows = [row("1-2", "zum", "X"), row("1", "zu", "ADP"), row("2", "dem", "DET")]
    content = "\n".join([*rows, row("3", "Haus", "NOUN"), row("3.1", "steht", "VERB")]) + "\n"
    (record,) = one_file(tmp_path, "columns", content, text=1, tags=3).records()
    assert record.columns == {"text": ["zum Haus"], "tags": [["X", "NOUN"]]}


def test_word_without_a_tag_is_an_error_at_its_line(tmp_path):
    with pytest.raises(UserError, match=r"text:2: no tag in column 1 \(counted from 0\); the line"):
        list(one_file(tmp_path, "columns", "a X\nb\n", tags=1).records())


def test_the_corpora_of_a_mixture_have_the_same_columns(tmp_path):
    labeled = one_file(tmp_path, "csv", "text,label\na,1\n", text="text", label="label")
    plain = one_file(tmp_path, "lines", "a\n", "lines")
    members = [{"corpus": source.model_dump()} for source in (labeled, plain)]
    with pytest.raises(
        ValidationError,
        match=r"must have the same columns: corpora\[0\] has 'text', 'label', "
        r"corpora\[1\] has 'text'",
    ):
        corpus(type="mixture", corpora=members)
    mixed = corpus(type="mixture", corpora=members[:1] * 2)
    assert mixed.record_columns() == {"text": "sentences", "label": "label"}
