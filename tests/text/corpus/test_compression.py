"""Compressed files read as if they were not."""

import gzip
import io
import lzma

import pytest
import zstandard

from archbuilder.errors import UserError
from archbuilder.text.corpus import ByteCounter
from archbuilder.text.corpus.compression import decompress
from tests.text.corpus.sample_corpora import one_file, texts

PACK = {"gz": gzip.compress, "xz": lzma.compress, "zst": zstandard.compress}
TEXT = "".join(f"sentence {number} é\n\n" for number in range(20_000)).encode()
every_kind = pytest.mark.parametrize("kind", PACK)


def read(tmp_path, kind, content, byte_counter=None):
    corpus = one_file(tmp_path, "documents", content, f"text.{kind}")
    return list(texts(corpus.records(byte_counter=byte_counter)))


def mistake(*arguments):
    with pytest.raises(UserError) as caught:
        read(*arguments)
    return str(caught.value)


@every_kind
def test_what_is_compressed_is_read(kind, tmp_path):
    counter, content = ByteCounter(), PACK[kind](TEXT)
    assert read(tmp_path, kind, content, counter) == read(tmp_path, "txt", TEXT)
    assert counter.count == len(content)


def test_a_text_packed_with_a_long_memory_is_read(tmp_path):
    settings = zstandard.ZstdCompressionParameters.from_level(1, window_log=28)
    pack = zstandard.ZstdCompressor(compression_params=settings).compressobj()
    content = pack.compress(TEXT) + pack.flush()
    assert read(tmp_path, "zst", content) == read(tmp_path, "txt", TEXT)


@every_kind
def test_members_one_after_another_are_one_text(kind, tmp_path):
    pack = PACK[kind]
    content = pack(b"a\nb") + pack(b"c\n\n") + pack(b"") + pack(b"\xc3") + pack(b"\xa9")
    assert read(tmp_path, kind, content + bytes(8)) == [["a", "bc"], ["é"]]


@every_kind
def test_members_after_padding_are_read(kind, tmp_path):
    pack = PACK[kind]
    assert read(tmp_path, kind, pack(b"a\n") + bytes(8) + pack(b"b")) == [["a", "b"]]


@every_kind
def test_an_empty_file_within_is_told(kind, tmp_path):
    assert mistake(tmp_path, kind, PACK[kind](b"")) == (
        f"{tmp_path}/text.{kind}: is empty after decompression"
    )


@every_kind
def test_a_file_that_was_cut_short_is_told(kind, tmp_path):
    content = PACK[kind](b"a\n")
    before = 2 if kind == "zst" else 4  # A text is given out as its frame ends.
    assert mistake(tmp_path, kind, content + content[:-3]) == (
        f"{tmp_path}/text.{kind}: truncated or damaged; the data ends early, "
        f"after {before} bytes of text"
    )


@every_kind
def test_what_is_not_compressed_as_its_name_says_is_told(kind, tmp_path):
    for content, bytes_before in ((b"plain text\n", 0), (PACK[kind](b"abc\n") + b"junk!!", 4)):
        assert mistake(tmp_path, kind, content) == (
            f"{tmp_path}/text.{kind}: corrupt after {bytes_before} bytes of text"
        )


@every_kind
def test_a_damaged_byte_is_told_after_what_stands_before(kind, tmp_path):
    pack = {**PACK, "zst": zstandard.ZstdCompressor(write_checksum=True).compress}[kind]
    content = bytearray(pack(b"good\n\n") + pack(TEXT))
    content[-len(content) // 2] ^= 0xFF
    corpus = one_file(tmp_path, "documents", bytes(content), f"text.{kind}")
    found = texts(corpus.records())
    assert next(found) == ["good"]
    with pytest.raises(UserError, match=rf"text.{kind}: corrupt after [\d,]+ bytes of text$"):
        list(found)


@every_kind
def test_places_are_those_of_the_text_within(kind, tmp_path):
    assert mistake(tmp_path, kind, PACK[kind](b"good\nb\xffad\n")) == (
        f"{tmp_path}/text.{kind}:2: not UTF-8 at byte 6 of the file"
    )


def test_what_expands_without_measure_stays_bounded(tmp_path):
    content = zstandard.compress(bytes(150_000_000))
    with io.BytesIO(content) as raw:
        sizes = [len(piece) for piece in decompress("text.zst", raw)]
    assert sum(sizes) == 150_000_000
    assert max(sizes) < 40_000_000
    assert mistake(tmp_path, "zst", content).endswith(
        ":1: line has more than 1,000,000 bytes; write each sentence on its own line"
    )
