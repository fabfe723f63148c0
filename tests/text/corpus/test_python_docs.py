"""Documentation of Python as text."""

import pytest

from archbuilder.text.corpus import PythonDocs
from archbuilder.text.corpus.python_docs import documents, extract_sentences

SPLITS = ("train", "validation")


@pytest.mark.slow
def test_documentation_has_enough_text_and_is_split_by_document():
    train, validation = documents("train"), documents("validation")
    assert len(train) > 200
    assert sum(len(document) for document in train) > 5_000
    assert len(validation) > 10
    held_out = {sentence for document in validation for sentence in document}
    assert not held_out & {sentence for document in train for sentence in document}
    corpus = PythonDocs(type="python_docs", split="validation")
    assert [record.columns["text"] for record in corpus.records()] == validation
    assert list(corpus.lines()) == [line for document in validation for line in document]


def test_corpus_has_no_files():
    train, validation = (PythonDocs(type="python_docs", split=split) for split in SPLITS)
    train.check()
    assert train.files_to_read() == ()
    assert train.total_bytes() is None
    assert train.members() == ((1.0, train),)
    assert train.fingerprint() != validation.fingerprint()


def test_prose_is_extracted_without_code():
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
