"""Plain text as documents."""

import pytest

from archbuilder.errors import UserError
from archbuilder.text.corpus import Documents, SkipLog, corpus, documents
from tests.text.corpus.sample_corpora import one_file, skipped, texts, write


def read(tmp_path, *contents):
    """Documents of files with these contents."""
    files = [write(tmp_path / f"text{place}", one) for place, one in enumerate(contents)]
    return Documents(type="documents", files=files)


def test_blank_lines_part_documents_within_and_between_files(tmp_path):
    found = read(tmp_path, "a\nb\n\n\n\nc", "\ufeffd\r\n  \ne\n")
    assert list(texts(found.records())) == [["a", "b"], ["c"], ["d"], ["e"]]
    assert list(found.lines()) == ["a", "b", "c", "d", "e"]


def test_sentences_are_at_their_lines(tmp_path):
    places = [
        record.location.of_sentence(index)
        for record in read(tmp_path, "a\nb\n\n\n\nc", "\ufeffd\r\n  \ne\nf\n").records()
        for index in range(len(record.columns["text"]))
    ]
    lines = ["text0:1", "text0:2", "text0:6", "text1:1", "text1:3", "text1:4"]
    assert places == [f"{tmp_path}/{line}" for line in lines]


def test_documents_are_read_as_they_are_asked_for(tmp_path):
    found = texts(read(tmp_path, b"a\n\nb\n\n\xff\n").records())
    assert [next(found), next(found)] == [["a"], ["b"]]
    with pytest.raises(UserError):
        next(found)


def test_a_file_of_blank_lines_is_counted_and_alone_is_a_mistake(tmp_path):
    log = SkipLog()
    assert list(texts(read(tmp_path, "a\n", "\n \n").records(log))) == [["a"]]
    assert skipped(log) == {"empty document": (1, f"{tmp_path}/text1:1")}
    for contents, others in ((["\n"], ""), (["\n", "\n", " "], " and 2 other files")):
        with pytest.raises(UserError) as caught:
            list(read(tmp_path, *contents).records())
        assert str(caught.value) == f"{tmp_path}/text0{others}: contains no text"


def test_a_text_that_nothing_parts_is_told_before_memory_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "MAX_DOCUMENT_SENTENCES", 2)
    monkeypatch.setattr(corpus, "MAX_DOCUMENT_SENTENCES", 2)
    with pytest.raises(UserError) as caught:
        list(read(tmp_path, "a\n\na\nb\nc\n").records())
    assert str(caught.value) == (
        f"{tmp_path}/text0:3: document has more than 2 sentences; separate documents by blank lines"
    )


def test_lines_are_documents_and_empty_ones_are_counted(tmp_path):
    log = SkipLog()
    found = one_file(tmp_path, "lines", " a \n\n\nb")
    assert list(texts(found.records(log))) == [["a"], ["b"]]
    assert skipped(log) == {"empty document": (2, f"{tmp_path}/text:2")}
    with pytest.raises(UserError, match="contains no text"):
        list(one_file(tmp_path, "lines", "\n\n").records())
