"""Tokens on disk: found again when they fit, made again when they do not."""

import numpy as np
import pytest

from archbuilder.mistake import UserMistake
from archbuilder.text import cache
from archbuilder.text.corpus import Documents, Parallel
from archbuilder.text.tokenizer import Characters, WordPiece

VOCABULARY = Characters(type="characters").train(["abc"], 20)  # a 5, b 6, c 7


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "text").write_text("ab\nc\n\nabc\n")
    return Documents(type="documents", files=[str(tmp_path / "text")])


def folders(root):
    return list(root.iterdir())


def test_ids_and_where_sentences_and_documents_begin(corpus, tmp_path):
    found = cache.cached(corpus, VOCABULARY, tmp_path / "cache")
    assert found.ids.tolist() == [5, 6, 7, 5, 6, 7]
    assert found.sentences.tolist() == [0, 2, 3, 6]
    assert found.documents.tolist() == [0, 2, 3]
    assert isinstance(found.ids, np.memmap)


def test_chunks_change_nothing(corpus, tmp_path, monkeypatch):
    whole = cache.cached(corpus, VOCABULARY, tmp_path / "whole")
    monkeypatch.setattr(cache, "CHUNK", 1)
    parts = cache.cached(corpus, VOCABULARY, tmp_path / "parts")
    for name in whole.arrays:
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


def test_parallel_text_has_ids_of_both_sides(tmp_path):
    (tmp_path / "source").write_text("a\nbc\n")
    (tmp_path / "target").write_text("cc\nb\n")
    pair = Parallel(
        type="parallel", source=str(tmp_path / "source"), target=str(tmp_path / "target")
    )
    found = cache.cached(pair, VOCABULARY, tmp_path / "cache")
    assert found.source_ids.tolist() == [5, 6, 7]
    assert found.source_offsets.tolist() == [0, 1, 3]
    assert found.target_ids.tolist() == [7, 7, 6]
    assert found.target_offsets.tolist() == [0, 2, 3]


def test_the_second_time_nothing_is_tokenised(corpus, tmp_path, monkeypatch):
    first = cache.cached(corpus, VOCABULARY, tmp_path / "cache")
    monkeypatch.setattr(cache, "_make", None)
    again = cache.cached(corpus, VOCABULARY, tmp_path / "cache")
    assert again.ids.tolist() == first.ids.tolist()


def test_other_text_and_another_tokenizer_have_tokens_of_their_own(corpus, tmp_path):
    root = tmp_path / "cache"
    cache.cached(corpus, VOCABULARY, root)
    cache.cached(corpus, Characters(type="characters").train(["xyzabc"], 20), root)
    (tmp_path / "text").write_text("c\n")
    assert cache.cached(corpus, VOCABULARY, root).ids.tolist() == [7]
    assert len(folders(root)) == 3


@pytest.mark.parametrize("file", ["ids.npy", "sentences.npy", "meta.json"])
@pytest.mark.parametrize("damage", ["cut", "flip", "delete"])
def test_a_damaged_folder_is_made_again(corpus, tmp_path, file, damage):
    root = tmp_path / "cache"
    cache.cached(corpus, VOCABULARY, root)
    (folder,) = folders(root)
    if damage == "cut":
        (folder / file).write_bytes((folder / file).read_bytes()[:-3])
    elif damage == "flip":
        content = bytearray((folder / file).read_bytes())
        content[-1] ^= 0x40
        (folder / file).write_bytes(content)
    else:
        (folder / file).unlink()
    assert cache.cached(corpus, VOCABULARY, root).ids.tolist() == [5, 6, 7, 5, 6, 7]
    assert folders(root) == [folder]


def test_what_fails_half_way_leaves_nothing(tmp_path):
    (tmp_path / "text").write_bytes(b"ab\n\xff\n")
    corpus = Documents(type="documents", files=[str(tmp_path / "text")])
    with pytest.raises(UserMistake, match="not UTF-8"):
        cache.cached(corpus, VOCABULARY, tmp_path / "cache")
    assert folders(tmp_path / "cache") == []


def test_a_place_that_cannot_be_written_is_told(corpus, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserMistake, match="the token cache cannot be written"):
        cache.cached(corpus, VOCABULARY, tmp_path / "file")


def test_what_another_process_has_put_there_meanwhile_stays(corpus, tmp_path, monkeypatch):
    root = tmp_path / "cache"
    write = cache._write_documents

    def overtaken(*arguments):
        write(*arguments)
        monkeypatch.setattr(cache, "_write_documents", write)
        cache.cached(corpus, VOCABULARY, root)
        (folder,) = (one for one in folders(root) if not one.name.startswith("."))
        written.append((folder / "ids.npy").stat().st_ino)

    written = []
    monkeypatch.setattr(cache, "_write_documents", overtaken)
    found = cache.cached(corpus, VOCABULARY, root)
    (folder,) = folders(root)
    assert written == [(folder / "ids.npy").stat().st_ino]
    assert found.ids.tolist() == [5, 6, 7, 5, 6, 7]


def test_progress_counts_sentences_and_pairs(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "CHUNK", 2)
    pairs = Parallel(type="parallel", source=corpus.files[0], target=corpus.files[0])
    for text, expected in ((corpus, [2, 3]), (pairs, [2, 3])):
        told = []
        cache.cached(text, VOCABULARY, tmp_path / "cache", told.append)
        assert told == expected


def test_a_pair_without_tokens_on_one_side_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "CHUNK", 1)
    vocabulary = WordPiece(type="wordpiece").train(["ab"], 20)
    (tmp_path / "source").write_text("a\n\x01\nb\n")  # Control characters are no tokens.
    (tmp_path / "target").write_text("b\nb\na\n")
    pairs = Parallel(
        type="parallel", source=str(tmp_path / "source"), target=str(tmp_path / "target")
    )
    found = cache.cached(pairs, vocabulary, tmp_path / "cache")
    assert found.source_offsets.tolist() == found.target_offsets.tolist()
    assert len(found.source_offsets) == 3


def test_a_text_without_tokens_is_told(tmp_path):
    vocabulary = WordPiece(type="wordpiece").train(["ab"], 20)
    (tmp_path / "text").write_text("\x01\n\x02\n")
    text = str(tmp_path / "text")
    corpora = (
        Documents(type="documents", files=[text]),
        Parallel(type="parallel", source=text, target=text),
    )
    for one in corpora:
        with pytest.raises(UserMistake, match="the tokenizer finds no token in the text"):
            cache.cached(one, vocabulary, tmp_path / "cache")
    assert folders(tmp_path / "cache") == []
