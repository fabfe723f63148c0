"""What is read as documents and as parallel text, and what is told where it cannot be."""

import pytest

from archbuilder.mistake import UserMistake
from archbuilder.text.corpus import Corpus, Documents, Parallel, PythonDocs
from archbuilder.text.corpus.python_docs import documents, sentences_of
from tests.variants import classes, minimal


def read(tmp_path, *contents):
    """Documents of files with these contents."""
    paths = []
    for place, content in enumerate(contents):
        paths.append(tmp_path / f"text{place}")
        paths[-1].write_bytes(content if isinstance(content, bytes) else content.encode())
    return Documents(type="documents", files=[str(path) for path in paths])


def parallel(tmp_path, source, target):
    (tmp_path / "source").write_text(source)
    (tmp_path / "target").write_text(target)
    return Parallel(
        type="parallel", source=str(tmp_path / "source"), target=str(tmp_path / "target")
    )


def test_blank_lines_part_documents_within_and_between_files(tmp_path):
    corpus = read(tmp_path, "a\nb\n\n\n\nc", "\ufeffd\r\n  \ne\n")
    assert list(corpus.documents()) == [["a", "b"], ["c"], ["d"], ["e"]]
    assert list(corpus.lines()) == ["a", "b", "c", "d", "e"]


def test_pairs_with_an_empty_side_are_left_out(tmp_path):
    corpus = parallel(tmp_path, "a\n\nc\n", "A\nB\nC\n")
    assert list(corpus.pairs()) == [("a", "A"), ("c", "C")]


def test_files_of_different_length_are_told_with_both_counts(tmp_path):
    with pytest.raises(UserMistake, match=r"source has 2 lines, .*target has 3: "):
        list(parallel(tmp_path, "a\nb\n", "A\nB\nC\n").pairs())


def test_documents_and_pairs_are_read_as_they_are_asked_for(tmp_path):
    bad = b"a\n\nb\n\n" + b"\xff\n"
    assert next(read(tmp_path, bad).documents()) == ["a"]
    (tmp_path / "source").write_bytes(bad)
    pairs = Parallel(
        type="parallel", source=str(tmp_path / "source"), target=str(tmp_path / "source")
    )
    assert next(pairs.pairs()) == ("a", "a")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "is empty"),
        ("\n \n", "there is no text in it"),
        (b"good\nb\xffad\n", r"text0:2: not UTF-8 at byte 6 of the file"),
    ],
)
def test_what_is_no_text_is_one_sentence(tmp_path, content, sentence):
    with pytest.raises(UserMistake, match=sentence):
        list(read(tmp_path, content).documents())


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    for path, sentence in ((tmp_path / "none", "No such file"), (tmp_path, "is a directory")):
        corpus = Documents(type="documents", files=[str(path)])
        with pytest.raises(UserMistake, match=sentence):
            list(corpus.documents())
        with pytest.raises(UserMistake, match=str(path)):
            corpus.fingerprint()


def test_equal_text_has_equal_fingerprints_and_other_text_others(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = read(tmp_path / "a", "x\n"), read(tmp_path / "b", "x\n")
    assert one.fingerprint() == other.fingerprint() != read(tmp_path, "y\n").fingerprint()


def test_every_corpus_gives_lines_for_the_tokenizer():
    for variant in classes(Corpus):
        assert callable(variant(**minimal(variant)).lines)


def test_pythons_documentation_has_enough_text_and_splits_by_document():
    train, validation = documents("train"), documents("validation")
    assert len(train) > 200
    assert sum(len(one) for one in train) > 5_000
    assert len(validation) > 10
    held_out = {sentence for one in validation for sentence in one}
    assert not held_out & {sentence for one in train for sentence in one}
    corpus = PythonDocs(type="python_docs", split="validation")
    assert list(corpus.documents()) == validation


def test_prose_is_told_from_code():
    text = """Return the ``name`` of a :class:`Thread` object, e.g. the one
    that was given.  It never fails.

        >>> thread.name
        'Thread-1'

    ====== =====
    one    two
    ====== =====

    x = y[3] * {2}
    """
    assert list(sentences_of(text)) == [
        "Return the name of a Thread object, e.g. the one that was given.",
    ]
