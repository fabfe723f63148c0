"""Token cache: reuse, resuming interrupted builds, and rebuilding damaged entries."""

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


def load(corpus, folder, vocabularies=BOTH, **options):
    return cache.load_or_create_tokens(corpus, vocabularies, folder, **options)


def folders(root):
    return list(root.iterdir())


def arrays(tokens):
    """Return all arrays of the text columns, by name."""
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


def test_ids_offsets_and_documents(corpus, tmp_path):
    tokens = load(corpus, tmp_path / "cache")
    assert tokens.sentences.ids[:].tolist() == [5, 6, 7, 5, 6, 7]
    assert tokens.sentences.offsets[:].tolist() == [0, 2, 3, 6]
    assert tokens.sentences.documents[:].tolist() == [0, 2, 3]
    assert tokens.counts() == {"documents": 2, "sentences": 3, "tokens": 6}


def test_ids_of_small_vocabularies_have_two_bytes(corpus, tmp_path):
    assert load(corpus, tmp_path / "cache").sentences.ids.dtype == "uint16"


@pytest.mark.parametrize("size", [1, 2, 3])
def test_result_does_not_depend_on_chunk_size(corpus, tmp_path, monkeypatch, size):
    whole = load(corpus, tmp_path / "whole")
    monkeypatch.setattr(writers, "CHUNK", size)
    parts = load(corpus, tmp_path / "parts")
    assert_equal(parts, whole)


@pytest.mark.parametrize("max_characters", [1, 3, 4])
def test_long_lines_reduce_the_rows_of_a_chunk(corpus, tmp_path, monkeypatch, max_characters):
    whole, sizes = load(corpus, tmp_path / "whole"), []
    add = writers.TokenWriter.append
    monkeypatch.setattr(writers, "CHARACTERS", max_characters)
    monkeypatch.setattr(
        writers.TokenWriter,
        "append",
        lambda self, chunk, arrays: sizes.append(len(chunk.is_last)) or add(self, chunk, arrays),
    )
    parts = load(corpus, tmp_path / "parts")
    assert sizes == {1: [1, 1, 1], 3: [2, 1], 4: [3]}[max_characters]
    assert_equal(parts, whole)


def test_parallel_text_has_ids_of_source_and_target(tmp_path):
    pairs = parallel(tmp_path, "a\nbc\n", "cc\nb\n")
    tokens = load(pairs, tmp_path / "cache")
    assert tokens.text["source"].ids[:].tolist() == [5, 6, 7]
    assert tokens.text["source"].offsets[:].tolist() == [0, 1, 3]
    assert tokens.text["target"].ids[:].tolist() == [7, 7, 6]
    assert tokens.text["target"].offsets[:].tolist() == [0, 2, 3]
    assert tokens.counts() == {"pairs": 2, "source tokens": 3, "target tokens": 3}


def test_source_and_target_use_their_own_vocabularies(tmp_path):
    other = Characters(type="characters").train(["cba"], 7)  # a 5, b 6; c is unknown, 1
    pairs = parallel(tmp_path, "abc\n", "abc\n")
    tokens = load(pairs, tmp_path / "cache", Vocabularies(VOCABULARY, other))
    assert tokens.text["source"].ids[:].tolist() == [5, 6, 7]
    assert tokens.text["target"].ids[:].tolist() == [5, 6, 1]


def test_locations_of_skipped_text_name_the_current_file(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).write_text("ab\n\nc\n")
        corpus = Lines(type="lines", files=(str(tmp_path / name),))
        tokens = load(corpus, tmp_path / "cache")
        assert skipped(tokens) == {"empty document": (1, f"{tmp_path / name}:2")}
    assert len(folders(tmp_path / "cache")) == 1


def test_cached_text_is_not_tokenized_again(corpus, tmp_path, monkeypatch):
    first = load(corpus, tmp_path / "cache")
    monkeypatch.setattr(cache, "_write", None)
    again = load(corpus, tmp_path / "cache")
    assert again.sentences.ids[:].tolist() == first.sentences.ids[:].tolist()


def test_cache_key_depends_on_text_and_tokenizer(corpus, tmp_path):
    root, other = tmp_path / "cache", Characters(type="characters").train(["xyzabc"], 20)
    load(corpus, root)
    load(corpus, root, Vocabularies(other, other))
    (tmp_path / "text").write_text("c\n")
    assert load(corpus, root).sentences.ids[:].tolist() == [7]
    assert len(folders(root)) == 3


@pytest.mark.parametrize("file", ["text_ids.npy", "text_offsets.npy", "meta.json"])
@pytest.mark.parametrize("damage", ["truncate", "flip", "delete"])
def test_damaged_entry_is_rebuilt(corpus, tmp_path, file, damage):
    root = tmp_path / "cache"
    load(corpus, root)
    (folder,) = folders(root)
    if damage == "truncate":
        (folder / file).write_bytes((folder / file).read_bytes()[:-3])
    elif damage == "flip":
        content = bytearray((folder / file).read_bytes())
        content[-1] ^= 0x40
        (folder / file).write_bytes(content)
    else:
        (folder / file).unlink()
    assert load(corpus, root).sentences.ids[:].tolist() == [5, 6, 7, 5, 6, 7]
    assert folders(root) == [folder]


def test_cache_key_depends_on_the_format(corpus, tmp_path, monkeypatch):
    root = tmp_path / "cache"
    load(corpus, root)
    monkeypatch.setattr(cache, "FORMAT", cache.FORMAT + 1)
    assert load(corpus, root).sentences.ids[:].tolist() == [5, 6, 7, 5, 6, 7]
    assert len(folders(root)) == 2


def test_invalid_text_leaves_no_entry(tmp_path):
    (tmp_path / "text").write_bytes(b"ab\n\xff\n")
    corpus = Documents(type="documents", files=(str(tmp_path / "text"),))
    with pytest.raises(UserError, match="not UTF-8"):
        load(corpus, tmp_path / "cache")
    assert folders(tmp_path / "cache") == []
    (tmp_path / "text").write_bytes(b"ab\n")
    assert load(corpus, tmp_path / "cache").sentences.ids[:].tolist() == [5, 6]


@pytest.mark.parametrize("flush_seconds", [-1, 100])
def test_text_that_changes_while_it_is_read_leaves_no_entry(
    corpus, tmp_path, monkeypatch, flush_seconds
):
    def change(done):
        (tmp_path / "text").write_text("ccc\nc\n\ncc\n")

    monkeypatch.setattr(writers, "CHUNK", 1)
    monkeypatch.setattr(cache, "FLUSH_SECONDS", flush_seconds)
    with pytest.raises(UserError, match="text: changed while it was read; run the command again"):
        load(corpus, tmp_path / "cache", progress=change)
    assert folders(tmp_path / "cache") == []
    assert load(corpus, tmp_path / "cache").sentences.ids[:].tolist() == [7] * 6


class ProcessKilledError(Exception):
    """Simulates a killed process."""


def fail_after(monkeypatch, chunks, error):
    """Raise `error` after `chunks` chunks are written and flushed."""
    original_append = writers.TokenWriter.append

    def append(self, *chunk):
        if self.chunks == chunks:
            raise error
        original_append(self, *chunk)

    monkeypatch.setattr(writers, "CHUNK", 1)
    monkeypatch.setattr(cache, "FLUSH_SECONDS", -1)
    monkeypatch.setattr(writers.TokenWriter, "append", append)


@pytest.mark.parametrize("chunks", [0, 1, 2])
def test_interrupted_build_is_resumed(corpus, tmp_path, monkeypatch, chunks):
    with pytest.MonkeyPatch.context() as patch:
        fail_after(patch, chunks, ProcessKilledError)
        with pytest.raises(ProcessKilledError):
            load(corpus, tmp_path / "cache")
    monkeypatch.setattr(writers, "CHUNK", 1)
    added = []
    add = writers.TokenWriter.append
    monkeypatch.setattr(
        writers.TokenWriter,
        "append",
        lambda self, *chunk: added.append(chunk) or add(self, *chunk),
    )
    tokens = load(corpus, tmp_path / "cache")
    assert len(added) == 3 - chunks
    assert tokens.sentences.ids[:].tolist() == [5, 6, 7, 5, 6, 7]
    assert tokens.sentences.offsets[:].tolist() == [0, 2, 3, 6]
    assert tokens.sentences.documents[:].tolist() == [0, 2, 3]
    assert len(folders(tmp_path / "cache")) == 1


def flip_bit(content, index):
    return content[:index] + bytes([content[index] ^ 1]) + content[index + 1 :]


DAMAGES = {
    "truncated": lambda content: content[:-3],
    "changed value": lambda content: flip_bit(content, 128),
    "changed count": lambda content: content.replace(b'"chunks": 2', b'"chunks": 1'),
    "other format": lambda content: b'{"format": [3, 1, 2097152], "arrays": []}',
}


@pytest.mark.parametrize(
    ("name", "damage"),
    [("text_ids.npy", "truncated"), ("text_ids.npy", "changed value")]
    + [("text_offsets.npy", "changed value")]
    + [("progress.json", damage) for damage in ("truncated", "changed count", "other format")],
)
def test_damaged_interrupted_build_is_restarted(corpus, tmp_path, monkeypatch, name, damage):
    with pytest.MonkeyPatch.context() as patch:
        fail_after(patch, 2, ProcessKilledError)
        with pytest.raises(ProcessKilledError):
            load(corpus, tmp_path / "cache")
    (part,) = folders(tmp_path / "cache")
    monkeypatch.setattr(writers, "CHUNK", 1)
    before = (part / name).read_bytes()
    (part / name).write_bytes(DAMAGES[damage](before))
    assert (part / name).read_bytes() != before
    tokens = load(corpus, tmp_path / "cache")
    assert tokens.sentences.ids[:].tolist() == [5, 6, 7, 5, 6, 7]
    assert tokens.sentences.offsets[:].tolist() == [0, 2, 3, 6]


def test_changing_any_byte_of_the_metadata_is_detected(tmp_path):
    (tmp_path / "text").write_text("ab\n\n\n\nc\n")
    corpus, root = Lines(type="lines", files=(str(tmp_path / "text"),)), tmp_path / "cache"
    tokens = load(corpus, root)
    assert skipped(tokens) == {"empty document": (3, f"{tmp_path / 'text'}:2")}
    (folder,) = folders(root)
    metadata = (folder / "meta.json").read_bytes()
    for index in range(len(metadata)):
        (folder / "meta.json").write_bytes(flip_bit(metadata, index))
        assert open_tokens(folder, corpus.record_columns(), list(corpus.files)) is None


def test_full_disk_is_an_error_and_finished_work_is_resumed(corpus, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        fail_after(patch, 2, OSError(errno.ENOSPC, "No space left on device"))
        with pytest.raises(UserError, match=r"cannot be written \(No space left on device\)"):
            load(corpus, tmp_path / "cache")
    (part,) = folders(tmp_path / "cache")
    assert part.name.endswith(".part")
    assert load(corpus, tmp_path / "cache").sentences.ids[:].tolist() == [5, 6, 7, 5, 6, 7]


def test_unwritable_cache_folder_is_an_error(corpus, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="the token cache cannot be written"):
        load(corpus, tmp_path / "file")


def test_concurrent_builds_write_once(corpus, tmp_path, monkeypatch):
    writes, write = [], cache._write
    monkeypatch.setattr(cache, "_write", lambda *arguments: writes.append(1) or write(*arguments))
    results = []

    def load_ids():
        results.append(load(corpus, tmp_path / "cache").sentences.ids[:].tolist())

    threads = [threading.Thread(target=load_ids) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[5, 6, 7, 5, 6, 7]] * 4
    assert len(writes) == 1
    assert len(folders(tmp_path / "cache")) == 1


def test_progress_reports_bytes_of_text(corpus, tmp_path):
    reports = []
    load(corpus, tmp_path / "cache", progress=reports.append)
    assert reports[-1] == corpus.total_bytes() == 10


def test_pair_with_a_side_without_tokens_is_skipped(tmp_path, monkeypatch):
    monkeypatch.setattr(writers, "CHUNK", 1)
    vocabulary = WordPiece(type="wordpiece").train(["ab"], 20)
    pairs = parallel(tmp_path, "a\n\x01\nb\n", "b\nb\na\n")  # Control characters yield no tokens.
    tokens = load(pairs, tmp_path / "cache", Vocabularies(vocabulary, vocabulary))
    assert len(tokens.text["source"].offsets) == len(tokens.text["target"].offsets) == 3
    assert tokens.skipped == (Skipped("pairs", "pairs with a side without tokens", 1),)


def test_text_without_tokens_is_an_error(tmp_path):
    vocabulary = WordPiece(type="wordpiece").train(["ab"], 20)
    pairs = parallel(tmp_path, "\x01\n\x02\n", "\x01\n\x02\n")
    for empty in (Documents(type="documents", files=(pairs.source,)), pairs):
        with pytest.raises(UserError, match="the tokenizer produces no tokens for this text"):
            load(empty, tmp_path / "cache", Vocabularies(vocabulary, vocabulary))
    assert folders(tmp_path / "cache") == []


@pytest.mark.parametrize("chunk", [1, 7])
def test_several_processes_write_the_same_as_one(tmp_path, monkeypatch, chunk):
    text = "".join(
        f"{'abc'[index % 3] * (index % 5 + 1)}\n\n"[: 3 + index % 9] for index in range(90)
    )
    (tmp_path / "text").write_text(text)
    corpus = Documents(type="documents", files=(str(tmp_path / "text"),))
    monkeypatch.setattr(writers, "CHUNK", chunk)
    single = load(corpus, tmp_path / "single")
    monkeypatch.setattr(cache, "MIN_BYTES_FOR_WORKERS", 0)
    monkeypatch.setattr(cache, "num_cores", lambda: 3)
    several = load(corpus, tmp_path / "several")
    assert_equal(several, single)


def test_ended_worker_is_an_error_and_the_build_is_resumed(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "MIN_BYTES_FOR_WORKERS", 0)
    monkeypatch.setattr(cache, "num_cores", lambda: 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "_START", "import sys; sys.exit(3)")
        with pytest.raises(OperationFailedError, match="a tokenizer process ended"):
            load(corpus, tmp_path / "cache")
    assert load(corpus, tmp_path / "cache").sentences.ids[:].tolist() == [5, 6, 7, 5, 6, 7]
