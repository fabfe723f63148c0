"""Python's documentation as text."""

import pytest

from archbuilder.text.corpus import PythonDocs
from archbuilder.text.corpus.python_docs import documents, extract_sentences

SPLITS = ("train", "validation")


@pytest.mark.slow
def test_pythons_documentation_has_enough_text_and_splits_by_document():
    train, validation = documents("train"), documents("validation")
    assert len(train) > 200
    assert sum(len(one) for one in train) > 5_000
    assert len(validation) > 10
    held_out = {sentence for one in validation for sentence in one}
    assert not held_out & {sentence for one in train for sentence in one}
    corpus = PythonDocs(type="python_docs", split="validation")
    assert [record.columns["text"] for record in corpus.records()] == validation
    assert list(corpus.lines()) == [line for one in validation for line in one]


def test_it_needs_no_files():
    train, validation = (PythonDocs(type="python_docs", split=one) for one in SPLITS)
    train.check()
    assert train.files_to_read() == ()
    assert train.total_bytes() is None
    assert train.members() == ((1.0, train),)
    assert train.fingerprint() != validation.fingerprint()


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
    assert list(extract_sentences(text)) == [
        "Return the name of a Thread object, e.g. the one that was given.",
    ]
