"""Properties of every type of corpus."""

import os
import sys

import pytest

from archbuilder.errors import UserError
from archbuilder.text.corpus import ByteCounter, Corpus, SkipLog
from tests.text.corpus.sample_corpora import StubData, every_type, stub_datasets, texts
from tests.variants import classes

TYPES = [
    variant.model_fields["type"].annotation.__args__[0]
    for variant in classes(Corpus)
    if variant.__name__ != "PythonDocs"  # Its text is fixed; it has its own tests.
]
every_corpus = pytest.mark.parametrize("corpus_type", TYPES)


@pytest.fixture(autouse=True)
def _data_set_with_the_same_text(monkeypatch):
    def load_dataset(path, name, split):
        assert (name, split) == (None, "train")
        last = "other" if "other" in path else "d"
        return StubData([{"text": "a\nb", "no": 1}, {"text": f"é c\n{last}", "no": 2}])

    monkeypatch.setitem(sys.modules, "datasets", stub_datasets(load_dataset))


def items(corpus, *arguments):
    return list(texts(corpus.records(*arguments)))


def folder(tmp_path, name):
    (tmp_path / name).mkdir()
    return tmp_path / name


@every_corpus
def test_texts_are_read(corpus_type, tmp_path):
    corpus, expected = every_type(tmp_path)[corpus_type]
    log = SkipLog()
    corpus.check()
    assert items(corpus, log) == expected
    assert items(corpus) == expected
    assert log.skipped() == ()


@every_corpus
def test_records_have_columns_and_locations(corpus_type, tmp_path):
    corpus, expected = every_type(tmp_path)[corpus_type]
    records = list(corpus.records())
    assert all(record.columns.keys() == corpus.record_columns().keys() for record in records)
    locations = [str(record.location) for record in records]
    assert len(set(locations)) == len(expected)
    assert all(int(location.rpartition(":")[2]) > 0 for location in locations)
    assert locations[0].rpartition(":")[0] in (*corpus.files_to_read(), getattr(corpus, "path", ""))


@every_corpus
def test_lines_of_all_and_of_single_columns(corpus_type, tmp_path):
    corpus, expected = every_type(tmp_path)[corpus_type]
    assert list(corpus.lines()) == [line for item in expected for line in item]
    if "source" in corpus.record_columns():
        assert list(corpus.lines(["source"])) == [source for source, _ in expected]
        assert list(corpus.lines(["target"])) == [target for _, target in expected]


@every_corpus
def test_byte_counter_reaches_the_size_of_the_files(corpus_type, tmp_path):
    corpus, _ = every_type(tmp_path)[corpus_type]
    counter = ByteCounter()
    items(corpus, None, counter)
    assert counter.count == (corpus.total_bytes() or 0)
    assert counter.count == sum(os.path.getsize(file) for file in corpus.files_to_read())
    assert bool(corpus.files_to_read()) == (corpus_type != "hugging_face")


@every_corpus
def test_fingerprint_depends_on_the_text_and_not_on_the_path(corpus_type, tmp_path):
    first, _ = every_type(folder(tmp_path, "first"))[corpus_type]
    same, _ = every_type(folder(tmp_path, "same"))[corpus_type]
    other, _ = every_type(folder(tmp_path, "other"), last="other")[corpus_type]
    assert first.fingerprint() == same.fingerprint() != other.fingerprint()


def test_fingerprints_of_types_differ(tmp_path):
    fingerprints = {corpus.fingerprint() for corpus, _ in every_type(tmp_path).values()}
    assert len(fingerprints) == len(TYPES)


@every_corpus
def test_members_have_the_text_of_the_corpus(corpus_type, tmp_path):
    corpus, expected = every_type(tmp_path)[corpus_type]
    member_items = [item for _, member in corpus.members() for item in items(member)]
    assert member_items == expected
    assert [weight for weight, _ in corpus.members()] == (
        [2, 1] if corpus_type == "mixture" else [1]
    )


@every_corpus
@pytest.mark.parametrize("fault", ["missing", "empty", "directory"])
def test_unreadable_file_is_an_error_when_checked_and_when_read(corpus_type, fault, tmp_path):
    corpus, _ = every_type(tmp_path)[corpus_type]
    for file in corpus.files_to_read()[:1]:
        os.remove(file)
        problem = {"missing": "No such file or directory", "empty": "is empty"}.get(
            fault, "is a directory, not a text file"
        )
        if fault == "empty":
            open(file, "w").close()
        elif fault == "directory":
            os.mkdir(file)
        calls = [corpus.check, lambda: items(corpus)]
        if fault != "empty":
            calls += [corpus.fingerprint, corpus.total_bytes]
        for call in calls:
            with pytest.raises(UserError) as error:
                call()
            assert str(error.value) == f"{file}: {problem}"
