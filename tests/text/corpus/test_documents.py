"""Plain text files."""

import pytest

from archbuilder.errors import UserError
from archbuilder.text.corpus import Documents, SkipLog, corpus, documents
from tests.text.corpus.sample_corpora import one_file, skipped, texts, write


def documents_of(tmp_path, *contents):
    """Return a corpus of files with the given contents."""
    files = [write(tmp_path / f"text{n}", content) for n, content in enumerate(contents)]
    return Documents(type="documents", files=files)


def test_blank_lines_and_files_separate_documents(tmp_path):
    source = documents_of(tmp_path, "a\nb\n\n\n\nc", "\ufeffd\r\n  \ne\n")
    assert list(texts(source.records())) == [["a", "b"], ["c"], ["d"], ["e"]]
    assert list(source.lines()) == ["a", "b", "c", "d", "e"]


def test_location_of_a_sentence_is_its_line(tmp_path):
    locations = [
        record.location.of_sentence(index)
        for record in documents_of(tmp_path, "a\nb\n\n\n\nc", "\ufeffd\r\n  \ne\nf\n").records()
        for index in range(len(record.columns["text"]))
    ]
    lines = ["text0:1", "text0:2", "text0:6", "text1:1", "text1:3", "text1:4"]
    assert locations == [f"{tmp_path}/{line}" for line in lines]


def test_documents_are_read_lazily(tmp_path):
    records = texts(documents_of(tmp_path, b"a\n\nb\n\n\xff\n").records())
    assert [next(records), next(records)] == [["a"], ["b"]]
    with pytest.raises(UserError):
        next(records)


def test_blank_files_are_counted_and_an_error_if_there_is_no_text(tmp_path):
    log = SkipLog()
    assert list(texts(documents_of(tmp_path, "a\n", "\n \n").records(log))) == [["a"]]
    assert skipped(log) == {"empty document": (1, f"{tmp_path}/text1:1")}
    for contents, others in ((["\n"], ""), (["\n", "\n", " "], " and 2 other files")):
        with pytest.raises(UserError) as error:
            list(documents_of(tmp_path, *contents).records())
        assert str(error.value) == f"{tmp_path}/text0{others}: contains no text"


def test_too_long_document_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "MAX_DOCUMENT_SENTENCES", 2)
    monkeypatch.setattr(corpus, "MAX_DOCUMENT_SENTENCES", 2)
    with pytest.raises(UserError) as error:
        list(documents_of(tmp_path, "a\n\na\nb\nc\n").records())
    assert str(error.value) == (
        f"{tmp_path}/text0:3: document has more than 2 sentences; separate documents by blank lines"
    )


def test_lines_are_documents_and_empty_lines_are_counted(tmp_path):
    log = SkipLog()
    source = one_file(tmp_path, "lines", " a \n\n\nb")
    assert list(texts(source.records(log))) == [["a"], ["b"]]
    assert skipped(log) == {"empty document": (2, f"{tmp_path}/text:2")}
    with pytest.raises(UserError, match="contains no text"):
        list(one_file(tmp_path, "lines", "\n\n").records())
