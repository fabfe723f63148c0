"""Parquet files and Hugging Face data sets."""

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


def error_message(call):
    with pytest.raises(UserError) as error:
        call()
    return str(error.value)


def test_rows_are_documents_and_nulls_are_skipped(tmp_path):
    data = write(tmp_path / "t", text=["a\nb", None, "", "c", "d"], no=[1] * 5)
    log, counter = SkipLog(), ByteCounter()
    assert list(texts(data.records(log, counter))) == [["a", "b"], ["c"], ["d"]]
    assert skipped(log) == {"empty document": (2, f"{tmp_path}/t:2")}
    assert counter.count == os.path.getsize(tmp_path / "t")


def test_dictionary_encoded_text_is_read(tmp_path):
    column = pyarrow.array(["a", "b", "a"]).dictionary_encode()
    assert list(write(tmp_path / "t", text=column).lines()) == ["a", "b", "a"]


def test_missing_columns_other_types_and_invalid_files_are_errors(tmp_path):
    file = f"{tmp_path}/t"
    for call in (write(tmp_path / "t", txt=["a"]).check, write(tmp_path / "t", txt=["a"]).lines):
        assert error_message(lambda call=call: list(call())) == (
            f"{file}:1: no column 'text'; it has 'txt'; did you mean 'txt'?"
        )
    assert error_message(write(tmp_path / "t", text=[1, 2]).lines().__next__) == (
        f"{file}:1: 'text' must be text, but is a number"
    )
    assert error_message(write(tmp_path / "t", text=[None]).lines().__next__) == (
        f"{file}: contains no text"
    )
    days = pyarrow.array([2**31 - 1], pyarrow.date32())  # Python does not support this year.
    assert error_message(write(tmp_path / "t", text=days).lines().__next__).startswith(
        f"{file}: cannot be read as Parquet ("
    )
    broken = one_file(tmp_path, "parquet", b"PAR1 only", "t", text="text")
    assert error_message(broken.check).startswith(f"{file}: cannot be read as Parquet (")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"type": "parquet", "files": [__file__]}, "type: parquet requires pyarrow"),
        ({"type": "hugging_face", "path": "x"}, "type: hugging_face requires datasets"),
    ],
)
def test_error_for_a_missing_library_gives_the_install_command(settings, sentence, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setitem(sys.modules, "datasets", None)
    data = corpus(text="text", **settings)
    assert error_message(data.check) == f"{sentence}; pip install 'archbuilder[tables]'"


@pytest.fixture
def load_calls(monkeypatch):
    """Arguments of the calls of `load_dataset`."""
    calls = []

    def load_dataset(path, name, split):
        calls.append((path, name, split))
        if path == "missing":
            raise builtins.FileNotFoundError("Couldn't find it\nanywhere")
        return StubData([{"en": "a", "de": "A"}, {"en": None, "de": "B"}, {"en": "c", "de": "C"}])

    monkeypatch.setitem(sys.modules, "datasets", stub_datasets(load_dataset))
    return calls


def test_data_set_is_loaded_by_name_and_split(load_calls):
    data = corpus(
        type="hugging_face", path="wmt", name="de-en", split="test", source="en", target="de"
    )
    log = SkipLog()
    assert list(texts(data.records(log))) == [("a", "A"), ("c", "C")]
    assert load_calls == [("wmt", "de-en", "test")]
    assert skipped(log) == {"empty side": (1, "wmt:2")}


def test_path_of_a_local_data_set_becomes_absolute(load_calls, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    data = corpus(type="hugging_face", path="./set", text="en")
    assert data.path == str(tmp_path / "set")


def test_data_set_that_cannot_be_loaded_is_an_error(load_calls):
    missing = corpus(type="hugging_face", path="missing", text="en")
    assert (
        error_message(missing.check) == "missing, split train: cannot be loaded (Couldn't find it)"
    )
    wrong = corpus(type="hugging_face", path="wmt", text="eng")
    assert (
        error_message(wrong.check)
        == "wmt:1: no column 'eng'; it has 'en', 'de'; did you mean 'en'?"
    )


def test_fingerprint_of_a_data_set_depends_on_its_cells(load_calls):
    first, same, other = (
        corpus(type="hugging_face", path=path, text=column).fingerprint()
        for path, column in (("x", "en"), ("y", "en"), ("x", "de"))
    )
    assert first == same != other
