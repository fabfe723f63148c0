"""Tokens on disk: found again when they fit, gone on with when cut, made again when damaged."""

import errno
import threading

import numpy as np
import pytest

from archbuilder.errors import UserError
from archbuilder.stopping import OperationFailedError
from archbuilder.text import cache
from archbuilder.text import encoding_workers as workers
from archbuilder.text import token_writer as writers
from archbuilder.text.corpus import Documents, Lines, Parallel
from archbuilder.text.skipped import Skipped
from archbuilder.text.token_store import open_tokens
from archbuilder.text.tokenizer import Characters, WordPiece
from archbuilder.text.vocabularies import Vocabularies
from tests.text.corpus.sample_corpora import skipped

VOCABULARY = Characters(type="characters").train(["abc"], 20)  # a 5, b 6, c 7
BOTH = Vocabularies(VOCABULARY, VOCABULARY)


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "text").write_text("ab\nc\n\nabc\n")
    return Documents(type="documents", files=(str(tmp_path / "text"),))


def parallel(folder, source, target):
    (folder / "source").write_text(source)
    (folder / "target").write_text(target)
    return Parallel(type="parallel", source=str(folder / "source"), target=str(folder / "target"))


def folders(root):
    return list(root.iterdir())


def arrays(tokens):
    """All arrays of the text columns, by name."""
    return {
        f"{column}_{name}": array[:]
        for column, text in tokens.text.items()
        for name, array in vars(text).items()
    }


def assert_equal(tokens, others):
    expected = arrays(others)
    assert arrays(tokens).keys() == expected.keys()
    for name, array in arrays(tokens).items():
        np.testing.assert_array_equal(array, expected[name])


def test_ids_and_where_sentences_and_documents_begin(corpus, tmp_path):
    found = cache.load_or_create_tokens(corpus, BOTH, tmp_path / "cache")
    assert found.sentences.ids[:].tolist() == [5, 6, 7, 5, 6, 7]
    assert found.sentences.offsets[:].tolist() == [0, 2, 3, 6]
    assert found.sentences.documents[:].tolist() == [0, 2, 3]
    assert found.counts() == {"documents": 2, "sentences": 3, "tokens": 6}


def test_ids_take_two_bytes_where_they_fit(corpus, tmp_path):
    assert (
        cache.load_or_create_tokens(corpus, BOTH, tmp_path / "cache").sentences.ids.dtype
        == "uint16"
    )


@pytest.mark.parametrize("size", [1, 2, 3])
def test_chunks_change_nothing(corpus, tmp_path, monkeypatch, size):
    whole = cache.load_or_create_tokens(corpus, BOTH, tmp_path / "whole")
    monkeypatch.setattr(writers, "CHUNK", size)
    parts = cache.load_or_create_tokens(corpus, BOTH, tmp_path / "parts")
    assert_equal(parts, whole)


@pytest.mark.parametrize("most", [1, 3, 4])
def test_long_lines_make_chunks_of_fewer_and_change_nothing(corpus, tmp_path, monkeypatch, most):
    whole, sizes = cache.load_or_create_tokens(corpus, BOTH, tmp_path / "whole"), []
    add = writers.TokenWriter.append
    monkeypatch.setattr(writers, "CHARACTERS", most)
    monkeypatch.setattr(
        writers.TokenWriter,
        "append",
        lambda self, chunk, arrays: sizes.append(len(chunk.is_last)) or add(self, chunk, arrays),
    )
    parts = cache.load_or_create_tokens(corpus, BOTH, tmp_path / "parts")
    assert sizes == {1: [1, 1, 1], 3: [2, 1], 4: [3]}[most]
    assert_equal(parts, whole)


def test_parallel_text_has_ids_of_both_sides(tmp_path):
    pairs = parallel(tmp_path, "a\nbc\n", "cc\nb\n")
    found = cache.load_or_create_tokens(pairs, BOTH, tmp_path / "cache")
    assert found.text["source"].ids[:].tolist() == [5, 6, 7]
    assert found.text["source"].offsets[:].tolist() == [0, 1, 3]
    assert found.text["target"].ids[:].tolist() == [7, 7, 6]
    assert found.text["target"].offsets[:].tolist() == [0, 2, 3]
    assert found.counts() == {"pairs": 2, "source tokens": 3, "target tokens": 3}


def test_each_side_has_the_ids_of_its_own_tokenizer(tmp_path):
    other = Characters(type="characters").train(["cba"], 7)  # a 5, b 6; c is unknown, 1
    pairs = parallel(tmp_path, "abc\n", "abc\n")
    found = cache.load_or_create_tokens(pairs, Vocabularies(VOCABULARY, other), tmp_path / "cache")
    assert found.text["source"].ids[:].tolist() == [5, 6, 7]
    assert found.text["target"].ids[:].tolist() == [5, 6, 1]


def test_what_is_left_out_stands_where_the_text_now_lies(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).write_text("ab\n\nc\n")
        corpus = Lines(type="lines", files=(str(tmp_path / name),))
        found = cache.load_or_create_tokens(corpus, BOTH, tmp_path / "cache")
        assert skipped(found) == {"empty document": (1, f"{tmp_path / name}:2")}
    assert len(folders(tmp_path / "cache")) == 1


def test_the_second_time_nothing_is_tokenised(corpus, tmp_path, monkeypatch):
    first = cache.load_or_create_tokens(corpus, BOTH, tmp_path / "cache")
    monkeypatch.setattr(cache, "_write", None)
    again = cache.load_or_create_tokens(corpus, BOTH, tmp_path / "cache")
    assert again.sentences.ids[:].tolist() == first.sentences.ids[:].tolist()


def test_other_text_and_another_tokenizer_have_tokens_of_their_own(corpus, tmp_path):
    root, other = tmp_path / "cache", Characters(type="characters").train(["xyzabc"], 20)
    cache.load_or_create_tokens(corpus, BOTH, root)
    cache.load_or_create_tokens(corpus, Vocabularies(other, other), root)
    (tmp_path / "text").write_text("c\n")
    assert cache.load_or_create_tokens(corpus, BOTH, root).sentences.ids[:].tolist() == [7]
    assert len(folders(root)) == 3


@pytest.mark.parametrize("file", ["text_ids.npy", "text_offsets.npy", "meta.json"])
@pytest.mark.parametrize("damage", ["cut", "flip", "delete"])
def test_a_damaged_folder_is_made_again(corpus, tmp_path, file, damage):
    root = tmp_path / "cache"
    cache.load_or_create_tokens(corpus, BOTH, root)
    (folder,) = folders(root)
    if damage == "cut":
        (folder / file).write_bytes((folder / file).read_bytes()[:-3])
    elif damage == "flip":
        content = bytearray((folder / file).read_bytes())
        content[-1] ^= 0x40
        (folder / file).write_bytes(content)
    else:
        (folder / file).unlink()
    assert cache.load_or_create_tokens(corpus, BOTH, root).sentences.ids[:].tolist() == [
        5,
        6,
        7,
        5,
        6,
        7,
    ]
    assert folders(root) == [folder]


def test_another_format_is_not_looked_at(corpus, tmp_path, monkeypatch):
    root = tmp_path / "cache"
    cache.load_or_create_tokens(corpus, BOTH, root)
    monkeypatch.setattr(cache, "FORMAT", cache.FORMAT + 1)
    assert cache.load_or_create_tokens(corpus, BOTH, root).sentences.ids[:].tolist() == [
        5,
        6,
        7,
        5,
        6,
        7,
    ]
    assert len(folders(root)) == 2


def test_a_mistake_in_the_text_leaves_nothing(tmp_path):
    (tmp_path / "text").write_bytes(b"ab\n\xff\n")
    corpus = Documents(type="documents", files=(str(tmp_path / "text"),))
    with pytest.raises(UserError, match="not UTF-8"):
        cache.load_or_create_tokens(corpus, BOTH, tmp_path / "cache")
    assert folders(tmp_path / "cache") == []
    (tmp_path / "text").write_bytes(b"ab\n")
    assert cache.load_or_create_tokens(corpus, BOTH, tmp_path / "cache").sentences.ids[
        :
    ].tolist() == [5, 6]


@pytest.mark.parametrize("settle", [-1, 100])
def test_text_that_is_changed_while_it_is_read_leaves_nothing(
    corpus, tmp_path, monkeypatch, settle
):
    def change(done):
        (tmp_path / "text").write_text("ccc\nc\n\ncc\n")

    monkeypatch.setattr(writers, "CHUNK", 1)
    monkeypatch.setattr(cache, "FLUSH_SECONDS", settle)
    with pytest.raises(UserError, match="text: changed while it was read; run the command again"):
        cache.load_or_create_tokens(corpus, BOTH, tmp_path / "cache", change)
    assert folders(tmp_path / "cache") == []
    assert (
        cache.load_or_create_tokens(corpus, BOTH, tmp_path / "cache").sentences.ids[:].tolist()
        == [7] * 6
    )


class Cut(Exception):
    """Stands for a killed process."""


def cut_after(monkeypatch, chunks, error):
    """Let the work end with `error` when so many chunks are done and made safe."""
    add = writers.TokenWriter.append

    def adding(self, *chunk):
        if self.chunks == chunks:
            raise error
        add(self, *chunk)

    monkeypatch.setattr(writers, "CHUNK", 1)
    monkeypatch.setattr(cache, "FLUSH_SECONDS", -1)
    monkeypatch.setattr(writers.TokenWriter, "append", adding)


@pytest.mark.parametrize("chunks", [0, 1, 2])
def test_what_was_cut_is_gone_on_with(corpus, tmp_path, monkeypatch, chunks):
    with pytest.MonkeyPatch.context() as patch:
        cut_after(patch, chunks, Cut)
        with pytest.raises(Cut):
            cache.load_or_create_tokens(corpus, BOTH, tmp_path / "cache")
    monkeypatch.setattr(writers, "CHUNK", 1)
    added = []
    add = writers.TokenWriter.append
    monkeypatch.setattr(
        writers.TokenWriter,
        "append",
        lambda self, *chunk: added.append(chunk) or add(self, *chunk),
    )
    found = cache.load_or_create_tokens(corpus, BOTH, tmp_path / "cache")
    assert len(added) == 3 - chunks
    assert found.sentences.ids[:].tolist() == [5, 6, 7, 5, 6, 7]
    assert found.sentences.offsets[:].tolist() == [0, 2, 3, 6]
    assert found.sentences.documents[:].tolist() == [0, 2, 3]
    assert len(folders(tmp_path / "cache")) == 1


def flipped(content, place):
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


DAMAGES = {
    "cut": lambda content: content[:-3],
    "a value": lambda content: flipped(content, 128),
    "a count": lambda content: content.replace(b'"chunks": 2', b'"chunks": 1'),
    "of another kind": lambda content: b'{"format": [3, 1, 2097152], "arrays": []}',
}


@pytest.mark.parametrize(
    ("name", "damage"),
    [("text_ids.npy", "cut"), ("text_ids.npy", "a value"), ("text_offsets.npy", "a value")]
    + [("progress.json", damage) for damage in ("cut", "a count", "of another kind")],
)
def test_half_done_work_that_is_damaged_is_not_gone_on_with(
    corpus, tmp_path, monkeypatch, name, damage
):
    with pytest.MonkeyPatch.context() as patch:
        cut_after(patch, 2, Cut)
        with pytest.raises(Cut):
            cache.load_or_create_tokens(corpus, BOTH, tmp_path / "cache")
    (part,) = folders(tmp_path / "cache")
    monkeypatch.setattr(writers, "CHUNK", 1)
    before = (part / name).read_bytes()
    (part / name).write_bytes(DAMAGES[damage](before))
    assert (part / name).read_bytes() != before
    found = cache.load_or_create_tokens(corpus, BOTH, tmp_path / "cache")
    assert found.sentences.ids[:].tolist() == [5, 6, 7, 5, 6, 7]
    assert found.sentences.offsets[:].tolist() == [0, 2, 3, 6]


def test_every_byte_of_what_is_noted_counts(tmp_path):
    (tmp_path / "text").write_text("ab\n\n\n\nc\n")
    corpus, root = Lines(type="lines", files=(str(tmp_path / "text"),)), tmp_path / "cache"
    tokens = cache.load_or_create_tokens(corpus, BOTH, root)
    assert skipped(tokens) == {"empty document": (3, f"{tmp_path / 'text'}:2")}
    (folder,) = folders(root)
    note = (folder / "meta.json").read_bytes()
    for place in range(len(note)):
        (folder / "meta.json").write_bytes(flipped(note, place))
        assert open_tokens(folder, corpus.record_columns(), list(corpus.files)) is None


def test_a_full_disk_keeps_what_is_done(corpus, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        cut_after(patch, 2, OSError(errno.ENOSPC, "No space left on device"))
        with pytest.raises(UserError, match=r"cannot be written \(No space left on device\)"):
            cache.load_or_create_tokens(corpus, BOTH, tmp_path / "cache")
    (part,) = folders(tmp_path / "cache")
    assert part.name.endswith(".part")
    assert cache.load_or_create_tokens(corpus, BOTH, tmp_path / "cache").sentences.ids[
        :
    ].tolist() == [
        5,
        6,
        7,
        5,
        6,
        7,
    ]


def test_a_place_that_cannot_be_written_is_told(corpus, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="the token cache cannot be written"):
        cache.load_or_create_tokens(corpus, BOTH, tmp_path / "file")


def test_two_at_once_do_the_work_once(corpus, tmp_path, monkeypatch):
    writes, write = [], cache._write
    monkeypatch.setattr(cache, "_write", lambda *arguments: writes.append(1) or write(*arguments))
    found = []

    def work():
        found.append(
            cache.load_or_create_tokens(corpus, BOTH, tmp_path / "cache").sentences.ids[:].tolist()
        )

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[5, 6, 7, 5, 6, 7]] * 4
    assert len(writes) == 1
    assert len(folders(tmp_path / "cache")) == 1


def test_progress_counts_the_bytes_of_the_text(corpus, tmp_path):
    told = []
    cache.load_or_create_tokens(corpus, BOTH, tmp_path / "cache", told.append)
    assert told[-1] == corpus.total_bytes() == 10


def test_a_pair_without_tokens_on_one_side_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(writers, "CHUNK", 1)
    vocabulary = WordPiece(type="wordpiece").train(["ab"], 20)
    pairs = parallel(tmp_path, "a\n\x01\nb\n", "b\nb\na\n")  # Control characters are no tokens.
    found = cache.load_or_create_tokens(
        pairs, Vocabularies(vocabulary, vocabulary), tmp_path / "cache"
    )
    assert len(found.text["source"].offsets) == len(found.text["target"].offsets) == 3
    assert found.skipped == (Skipped("pairs", "pairs with a side without tokens", 1),)


def test_a_text_without_tokens_is_told(tmp_path):
    vocabulary = WordPiece(type="wordpiece").train(["ab"], 20)
    pairs = parallel(tmp_path, "\x01\n\x02\n", "\x01\n\x02\n")
    for one in (Documents(type="documents", files=(pairs.source,)), pairs):
        with pytest.raises(UserError, match="the tokenizer produces no tokens for this text"):
            cache.load_or_create_tokens(
                one, Vocabularies(vocabulary, vocabulary), tmp_path / "cache"
            )
    assert folders(tmp_path / "cache") == []


@pytest.mark.parametrize("chunk", [1, 7])
def test_several_processes_write_what_one_does(tmp_path, monkeypatch, chunk):
    text = "".join(
        f"{'abc'[place % 3] * (place % 5 + 1)}\n\n"[: 3 + place % 9] for place in range(90)
    )
    (tmp_path / "text").write_text(text)
    corpus = Documents(type="documents", files=(str(tmp_path / "text"),))
    monkeypatch.setattr(writers, "CHUNK", chunk)
    one = cache.load_or_create_tokens(corpus, BOTH, tmp_path / "one")
    monkeypatch.setattr(cache, "MIN_BYTES_FOR_WORKERS", 0)
    monkeypatch.setattr(cache, "num_cores", lambda: 3)
    several = cache.load_or_create_tokens(corpus, BOTH, tmp_path / "several")
    assert_equal(several, one)


def test_a_process_that_ends_is_told_and_its_work_gone_on_with(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "MIN_BYTES_FOR_WORKERS", 0)
    monkeypatch.setattr(cache, "num_cores", lambda: 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "_START", "import sys; sys.exit(3)")
        with pytest.raises(OperationFailedError, match="a tokenizing process has ended"):
            cache.load_or_create_tokens(corpus, BOTH, tmp_path / "cache")
    assert cache.load_or_create_tokens(corpus, BOTH, tmp_path / "cache").sentences.ids[
        :
    ].tolist() == [
        5,
        6,
        7,
        5,
        6,
        7,
    ]
