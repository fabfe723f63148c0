"""Token store: labels and tags on disk."""

import numpy as np
import pytest

from archbuilder.errors import UserError
from archbuilder.text import cache
from archbuilder.text import token_writer as writers
from archbuilder.text.corpus import Documents
from archbuilder.text.tokenizer import Characters, WordPiece
from archbuilder.text.vocabularies import Vocabularies
from tests.text.corpus.sample_corpora import one_file

VOCABULARY = WordPiece(type="wordpiece").train(["a b c"], 20)
BOTH = Vocabularies(VOCABULARY, VOCABULARY)
chunks = pytest.mark.parametrize("chunk", [1, 2, 100])


def stored(folder, kind, content, **settings):
    corpus = one_file(folder, kind, content, **settings)
    return cache.load_or_create_tokens(corpus, BOTH, folder / "cache")


def table(folder, *rows, kind="csv", **settings):
    content = "text,label\n" + "".join(f"{text},{label}\n" for text, label in rows)
    return stored(folder, kind, content, text="text", label="label", **settings)


@chunks
def test_labels_are_indices_of_the_sorted_classes(chunk, tmp_path, monkeypatch):
    monkeypatch.setattr(writers, "CHUNK", chunk)
    tokens = table(tmp_path, ("a", "pos"), ('"a\nb"', "neg"), ("c", "pos"), ("b", "neutral"))
    column = tokens.labels["label"]
    assert tokens.label_names == {"label": ("neg", "neutral", "pos")}
    assert column.values.dtype == np.int32
    assert column[:].tolist() == [2, 0, 2, 1]
    assert column[1] == 0
    assert tokens.counts()["documents"] == len(column) == 4


@chunks
def test_numbers_to_predict_are_stored_as_floats(chunk, tmp_path, monkeypatch):
    monkeypatch.setattr(writers, "CHUNK", chunk)
    tokens = table(tmp_path, ("a", "1"), ("b", "0.5"), ("c", "-2e-3"), ("a", "0.5"))
    column = tokens.labels["label"]
    assert tokens.label_names == {"label": None}
    assert column.values.dtype == np.float64
    assert column[:].tolist() == [1.0, 0.5, -0.002, 0.5]


@chunks
def test_labels_of_documents_without_tokens_are_skipped(chunk, tmp_path, monkeypatch):
    monkeypatch.setattr(writers, "CHUNK", chunk)
    rows = [
        ("\x01", "skipped"),
        ("a", "x"),
        ('"b\n\x01\nc"', "y"),
        ('"\x01\n\x02"', "skipped"),
        ("c", "x"),
    ]
    tokens = table(tmp_path, *rows)
    assert tokens.label_names == {"label": ("x", "y")}
    assert tokens.labels["label"][:].tolist() == [0, 1, 0]
    assert tokens.counts()["documents"] == 3


def test_pairs_have_labels(tmp_path):
    content = "en,de,same\na,b,true\n\x01,b,true\nc,c,false\n"
    tokens = stored(tmp_path, "csv", content, source="en", target="de", label="same")
    assert tokens.labels["label"][:].tolist() == [1, 0]
    assert tokens.label_names == {"label": ("false", "true")}
    assert tokens.counts()["pairs"] == 2


@chunks
def test_tags_are_aligned_with_the_words_of_each_sentence(chunk, tmp_path, monkeypatch):
    monkeypatch.setattr(writers, "CHUNK", chunk)
    content = "a N\nb V\n\n\x01 X\n\nc N\n\n-DOCSTART- -\n\nb V\na D\n"
    tokens = stored(tmp_path, "columns", content, tags=1)
    tags = tokens.labels["tags"]
    assert tags.names == ("D", "N", "V")
    assert tags.offsets[:].tolist() == [0, 2, 3, 5]
    assert [tags.of_sentence(index).tolist() for index in range(3)] == [[1, 2], [1], [2, 0]]
    assert tokens.counts() == {"documents": 2, "sentences": 3, "tokens": 5}


def test_only_final_labels_remain_on_disk(tmp_path):
    table(tmp_path, ("a", "x"))
    (folder,) = (tmp_path / "cache").iterdir()
    assert sorted(file.name for file in folder.iterdir()) == [
        "label.npy",
        "meta.json",
        "progress.json",
        "text_documents.npy",
        "text_ids.npy",
        "text_offsets.npy",
    ]


def test_interrupted_labels_are_resumed(tmp_path, monkeypatch):
    rows = [("a", "z"), ("b", "y"), ("c", "z"), ("a", "x"), ("b", "y")]
    monkeypatch.setattr(writers, "CHUNK", 1)
    with pytest.MonkeyPatch.context() as patch:
        append = writers.TokenWriter.append

        def append_until_interrupted(self, chunk, arrays):
            if self.chunks == 3:
                raise KeyboardInterrupt
            append(self, chunk, arrays)

        patch.setattr(cache, "FLUSH_SECONDS", -1)
        patch.setattr(writers.TokenWriter, "append", append_until_interrupted)
        with pytest.raises(KeyboardInterrupt):
            table(tmp_path, *rows)
    (part,) = (tmp_path / "cache").iterdir()
    assert part.name.endswith(".part")
    tokens = table(tmp_path, *rows)
    assert tokens.label_names == {"label": ("x", "y", "z")}
    assert tokens.labels["label"][:].tolist() == [2, 1, 2, 0, 1]


def test_damaged_label_file_is_rebuilt(tmp_path):
    table(tmp_path, ("a", "x"), ("b", "y"))
    (file,) = (tmp_path / "cache").glob("*/label.npy")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert table(tmp_path, ("a", "x"), ("b", "y")).labels["label"][:].tolist() == [0, 1]


def test_labels_of_mixed_types_are_an_error_and_leave_no_entry(tmp_path):
    with pytest.raises(
        UserError, match=r"text:3: the label 'n/a' is text, and '0.5' at .*text:2 is"
    ):
        table(tmp_path, ("a", "0.5"), ("b", "n/a"))
    assert list((tmp_path / "cache").iterdir()) == []


def test_labels_are_converted_to_the_classes_of_other_text(tmp_path):
    column = table(tmp_path, ("a", "b"), ("b", "d"), ("c", "b")).labels["label"]
    assert column.with_names(("b", "d")) is column
    other = column.with_names(("a", "b", "c", "d"))
    assert other[:].tolist() == [1, 3, 1]
    assert (other[1], other.names) == (3, ("a", "b", "c", "d"))
    with pytest.raises(
        UserError,
        match=r"text:3: the label 'd' is not in data\.train, which has 'a', 'b', 'dd'; did",
    ):
        column.with_names(("a", "b", "dd"))


def test_integers_become_numbers_if_the_training_data_has_numbers(tmp_path):
    column = table(tmp_path, ("a", "2"), ("b", "-1"), ("c", "2")).labels["label"]
    numbers = column.with_names(None)
    assert numbers[:].tolist() == [2.0, -1.0, 2.0]
    assert numbers[:].dtype == np.float64
    text = table(tmp_path, ("a", "x")).labels["label"]
    with pytest.raises(UserError, match=r"the label 'x' is not a number, but all labels of"):
        text.with_names(None)


def test_unlabeled_text_has_no_labels(tmp_path):
    (tmp_path / "text").write_text("a\n")
    corpus = Documents(type="documents", files=(str(tmp_path / "text"),))
    characters = Characters(type="characters").train(["a"], 20)
    tokens = cache.load_or_create_tokens(
        corpus, Vocabularies(characters, characters), tmp_path / "cache"
    )
    assert tokens.labels == tokens.label_names == {}
