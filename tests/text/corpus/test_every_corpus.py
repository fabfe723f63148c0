"""What holds for every kind of corpus."""

import os
import sys

import pytest

from archbuilder.errors import UserError
from archbuilder.text.corpus import ByteCounter, Corpus, SkipLog
from tests.text.corpus.sample_corpora import StubData, every_kind, stub_datasets, texts
from tests.variants import classes

KINDS = [
    variant.model_fields["type"].annotation.__args__[0]
    for variant in classes(Corpus)
    if variant.__name__ != "PythonDocs"  # Its text is given, and tested in a place of its own.
]
every_corpus = pytest.mark.parametrize("kind", KINDS)


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
def test_it_reads_what_was_written(kind, tmp_path):
    corpus, expected = every_kind(tmp_path)[kind]
    log = SkipLog()
    corpus.check()
    assert items(corpus, log) == expected
    assert items(corpus) == expected
    assert log.skipped() == ()


@every_corpus
def test_each_record_has_its_columns_and_its_location(kind, tmp_path):
    corpus, expected = every_kind(tmp_path)[kind]
    records = list(corpus.records())
    assert all(record.columns.keys() == corpus.record_columns().keys() for record in records)
    places = [str(record.location) for record in records]
    assert len(set(places)) == len(expected)
    assert all(int(place.rpartition(":")[2]) > 0 for place in places)
    assert places[0].rpartition(":")[0] in (*corpus.files_to_read(), getattr(corpus, "path", ""))


@every_corpus
def test_lines_are_all_text_and_sides_are_the_text_of_one_side(kind, tmp_path):
    corpus, expected = every_kind(tmp_path)[kind]
    assert list(corpus.lines()) == [line for item in expected for line in item]
    if "source" in corpus.record_columns():
        assert list(corpus.lines(["source"])) == [source for source, _ in expected]
        assert list(corpus.lines(["target"])) == [target for _, target in expected]


@every_corpus
def test_bytes_read_come_to_the_size_of_the_files(kind, tmp_path):
    corpus, _ = every_kind(tmp_path)[kind]
    counter = ByteCounter()
    items(corpus, None, counter)
    assert counter.count == (corpus.total_bytes() or 0)
    assert counter.count == sum(os.path.getsize(file) for file in corpus.files_to_read())
    assert bool(corpus.files_to_read()) == (kind != "hugging_face")


@every_corpus
def test_fingerprints_are_of_the_text_and_not_of_where_it_lies(kind, tmp_path):
    one, _ = every_kind(folder(tmp_path, "one"))[kind]
    same, _ = every_kind(folder(tmp_path, "same"))[kind]
    other, _ = every_kind(folder(tmp_path, "other"), last="other")[kind]
    assert one.fingerprint() == same.fingerprint() != other.fingerprint()


def test_fingerprints_of_kinds_differ(tmp_path):
    found = {corpus.fingerprint() for corpus, _ in every_kind(tmp_path).values()}
    assert len(found) == len(KINDS)


@every_corpus
def test_its_members_have_its_text(kind, tmp_path):
    corpus, expected = every_kind(tmp_path)[kind]
    found = [item for _, member in corpus.members() for item in items(member)]
    assert found == expected
    assert [weight for weight, _ in corpus.members()] == ([2, 1] if kind == "mixture" else [1])


@every_corpus
@pytest.mark.parametrize("fault", ["missing", "empty", "directory"])
def test_a_file_that_cannot_be_read_is_told_at_once_and_when_read(kind, fault, tmp_path):
    corpus, _ = every_kind(tmp_path)[kind]
    for file in corpus.files_to_read()[:1]:
        os.remove(file)
        sentence = {"missing": "No such file or directory", "empty": "is empty"}.get(
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
            with pytest.raises(UserError) as caught:
                call()
            assert str(caught.value) == f"{file}: {sentence}"
