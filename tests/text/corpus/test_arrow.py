"""Parquet files and the data sets of Hugging Face."""

import builtins
import os
import sys

import pyarrow
import pytest
from pyarrow import parquet

from archbuilder.errors import UserError
from archbuilder.text.corpus import ByteCounter, SkipLog
from tests.text.corpus.sample_corpora import (
    StubData,
    corpus,
    one_file,
    skipped,
    stub_datasets,
    texts,
)


def write(path, **columns):
    parquet.write_table(pyarrow.table(columns), path, row_group_size=2)
    return corpus(type="parquet", files=[str(path)], text="text")


def told(call):
    with pytest.raises(UserError) as caught:
        call()
    return str(caught.value)


def test_rows_are_documents_and_nulls_are_empty(tmp_path):
    found = write(tmp_path / "t", text=["a\nb", None, "", "c", "d"], no=[1] * 5)
    log, counter = SkipLog(), ByteCounter()
    assert list(texts(found.records(log, counter))) == [["a", "b"], ["c"], ["d"]]
    assert skipped(log) == {"empty document": (2, f"{tmp_path}/t:2")}
    assert counter.count == os.path.getsize(tmp_path / "t")


def test_text_kept_as_a_dictionary_is_text(tmp_path):
    column = pyarrow.array(["a", "b", "a"]).dictionary_encode()
    assert list(write(tmp_path / "t", text=column).lines()) == ["a", "b", "a"]


def test_what_is_no_text_or_no_parquet_is_told(tmp_path):
    file = f"{tmp_path}/t"
    for call in (write(tmp_path / "t", txt=["a"]).check, write(tmp_path / "t", txt=["a"]).lines):
        assert told(lambda call=call: list(call())) == (
            f"{file}:1: no column 'text'; it has 'txt'; did you mean 'txt'?"
        )
    assert told(write(tmp_path / "t", text=[1, 2]).lines().__next__) == (
        f"{file}:1: 'text' must be text, but is a number"
    )
    assert told(write(tmp_path / "t", text=[None]).lines().__next__) == (
        f"{file}: contains no text"
    )
    days = pyarrow.array([2**31 - 1], pyarrow.date32())  # Of a year that Python does not know.
    assert told(write(tmp_path / "t", text=days).lines().__next__).startswith(
        f"{file}: cannot be read as Parquet ("
    )
    broken = one_file(tmp_path, "parquet", b"PAR1 and no more", "t", text="text")
    assert told(broken.check).startswith(f"{file}: cannot be read as Parquet (")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"type": "parquet", "files": [__file__]}, "type: parquet requires pyarrow"),
        ({"type": "hugging_face", "path": "x"}, "type: hugging_face requires datasets"),
    ],
)
def test_without_its_library_a_kind_says_what_to_install(settings, sentence, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setitem(sys.modules, "datasets", None)
    found = corpus(text="text", **settings)
    assert told(found.check) == f"{sentence}; pip install 'archbuilder[tables]'"


@pytest.fixture
def asked(monkeypatch):
    """The arguments with which data sets were loaded."""
    found = []

    def load_dataset(path, name, split):
        found.append((path, name, split))
        if path == "none":
            raise builtins.FileNotFoundError("Couldn't find it\nanywhere")
        return StubData([{"en": "a", "de": "A"}, {"en": None, "de": "B"}, {"en": "c", "de": "C"}])

    monkeypatch.setitem(sys.modules, "datasets", stub_datasets(load_dataset))
    return found


def test_a_data_set_is_loaded_by_its_name_and_split(asked):
    found = corpus(
        type="hugging_face", path="wmt", name="de-en", split="test", source="en", target="de"
    )
    log = SkipLog()
    assert list(texts(found.records(log))) == [("a", "A"), ("c", "C")]
    assert asked == [("wmt", "de-en", "test")]
    assert skipped(log) == {"empty side": (1, "wmt:2")}


def test_a_data_set_in_a_folder_is_found_from_anywhere(asked, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    found = corpus(type="hugging_face", path="./set", text="en")
    assert found.path == str(tmp_path / "set")


def test_a_data_set_that_cannot_be_loaded_is_told(asked):
    missing = corpus(type="hugging_face", path="none", text="en")
    assert told(missing.check) == "none, split train: cannot be loaded (Couldn't find it)"
    wrong = corpus(type="hugging_face", path="wmt", text="eng")
    assert told(wrong.check) == "wmt:1: no column 'eng'; it has 'en', 'de'; did you mean 'en'?"


def test_the_fingerprint_of_a_data_set_is_that_of_its_cells(asked):
    one, same, other = (
        corpus(type="hugging_face", path=path, text=column).fingerprint()
        for path, column in (("x", "en"), ("y", "en"), ("x", "de"))
    )
    assert one == same != other
