"""Compressed text files."""

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
every_format = pytest.mark.parametrize("ending", PACK)


def read(tmp_path, ending, content, byte_counter=None):
    corpus = one_file(tmp_path, "documents", content, f"text.{ending}")
    return list(texts(corpus.records(byte_counter=byte_counter)))


def error_message(*arguments):
    with pytest.raises(UserError) as error:
        read(*arguments)
    return str(error.value)


@every_format
def test_compressed_text_is_read(ending, tmp_path):
    counter, content = ByteCounter(), PACK[ending](TEXT)
    assert read(tmp_path, ending, content, counter) == read(tmp_path, "txt", TEXT)
    assert counter.count == len(content)


def test_zstandard_with_a_large_window_is_read(tmp_path):
    settings = zstandard.ZstdCompressionParameters.from_level(1, window_log=28)
    pack = zstandard.ZstdCompressor(compression_params=settings).compressobj()
    content = pack.compress(TEXT) + pack.flush()
    assert read(tmp_path, "zst", content) == read(tmp_path, "txt", TEXT)


@every_format
def test_consecutive_members_are_one_text(ending, tmp_path):
    pack = PACK[ending]
    content = pack(b"a\nb") + pack(b"c\n\n") + pack(b"") + pack(b"\xc3") + pack(b"\xa9")
    assert read(tmp_path, ending, content + bytes(8)) == [["a", "bc"], ["é"]]


@every_format
def test_members_after_padding_are_read(ending, tmp_path):
    pack = PACK[ending]
    assert read(tmp_path, ending, pack(b"a\n") + bytes(8) + pack(b"b")) == [["a", "b"]]


@every_format
def test_file_that_is_empty_after_decompression_is_an_error(ending, tmp_path):
    assert error_message(tmp_path, ending, PACK[ending](b"")) == (
        f"{tmp_path}/text.{ending}: is empty after decompression"
    )


@every_format
def test_truncated_file_is_an_error(ending, tmp_path):
    content = PACK[ending](b"a\n")
    before = 2 if ending == "zst" else 4  # Zstandard yields text when its frame ends.
    assert error_message(tmp_path, ending, content + content[:-3]) == (
        f"{tmp_path}/text.{ending}: truncated or damaged; the data ends early, "
        f"after {before} bytes of text"
    )


@every_format
def test_file_in_another_format_than_its_name_is_an_error(ending, tmp_path):
    for content, bytes_before in ((b"plain text\n", 0), (PACK[ending](b"abc\n") + b"junk!!", 4)):
        assert error_message(tmp_path, ending, content) == (
            f"{tmp_path}/text.{ending}: corrupt after {bytes_before} bytes of text"
        )


@every_format
def test_damage_is_an_error_after_the_preceding_text(ending, tmp_path):
    pack = {**PACK, "zst": zstandard.ZstdCompressor(write_checksum=True).compress}[ending]
    content = bytearray(pack(b"good\n\n") + pack(TEXT))
    content[-len(content) // 2] ^= 0xFF
    corpus = one_file(tmp_path, "documents", bytes(content), f"text.{ending}")
    documents = texts(corpus.records())
    assert next(documents) == ["good"]
    with pytest.raises(UserError, match=rf"text.{ending}: corrupt after [\d,]+ bytes of text$"):
        list(documents)


@every_format
def test_locations_refer_to_the_decompressed_text(ending, tmp_path):
    assert error_message(tmp_path, ending, PACK[ending](b"good\nb\xffad\n")) == (
        f"{tmp_path}/text.{ending}:2: not UTF-8 at byte 6 of the file"
    )


def test_memory_stays_bounded_for_extreme_compression(tmp_path):
    content = zstandard.compress(bytes(150_000_000))
    with io.BytesIO(content) as raw:
        sizes = [len(piece) for piece in decompress("text.zst", raw)]
    assert sum(sizes) == 150_000_000
    assert max(sizes) < 40_000_000
    assert error_message(tmp_path, "zst", content).endswith(
        ":1: line has more than 1,000,000 bytes; write each sentence on its own line"
    )
