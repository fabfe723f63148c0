"""Reader of lines: line ends, encodings, limits, and errors."""

import io
import os

import pytest

from archbuilder.errors import UserError
from archbuilder.text.corpus import ByteCounter, file_set, line_reader
from archbuilder.text.corpus.line_reader import check_files, line_blocks, numbered_lines
from tests.text.corpus.sample_corpora import one_file, write


def lines(tmp_path, content):
    return [line for _, line in numbered_lines(write(tmp_path / "text", content))]


def error_message(call):
    with pytest.raises(UserError) as error:
        call()
    return str(error.value)


def test_only_newlines_end_lines(tmp_path):
    assert lines(tmp_path, "a\u2028b\fc\rd\ve\x85\r\nf\0g\n\nh") == [
        "a\u2028b\fc\rd\ve\x85",
        "f\0g",
        "",
        "h",
    ]


def test_byte_order_mark_is_skipped_only_at_the_start(tmp_path):
    assert lines(tmp_path, "\ufeffa\n\ufeffb\n") == ["a", "\ufeffb"]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
def test_lines_do_not_depend_on_the_block_size(size, tmp_path, monkeypatch):
    content = "é\r\n\nñ and é\n" + "x" * 20 + "\r\nend"
    whole = lines(tmp_path, content)
    # The first block must contain a byte order mark, which has three bytes.
    monkeypatch.setattr(line_reader, "_FIRST_BLOCK_SIZE", max(size, 3))
    monkeypatch.setattr(line_reader, "_BLOCK_SIZE", size)
    assert lines(tmp_path, content) == whole == ["é", "", "ñ and é", "x" * 20, "end"]
    blocks = list(line_blocks(str(tmp_path / "text")))
    numbers = [first + index for first, block in blocks for index in range(len(block))]
    assert numbers == [1, 2, 3, 4, 5]
    bad = content.encode() + b"\nok\nb\xff"
    position = len(content.encode()) + 5
    assert error_message(lambda: lines(tmp_path, bad)) == (
        f"{tmp_path}/text:7: not UTF-8 at byte {position} of the file"
    )


def test_utf_16_without_a_byte_order_mark_is_read_as_text_with_nuls(tmp_path):
    assert lines(tmp_path, "text\n".encode("utf-16-be")) == ["\0t\0e\0x\0t\0"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", ": is empty"),
        (b"good\nb\xffad\n", ":2: not UTF-8 at byte 6 of the file"),
        (b"\xef\xbb\xbfgood\n\xe9t\xe9", ":2: not UTF-8 at byte 8 of the file"),
        ("text\n".encode("utf-16"), ": looks like UTF-16; save it as UTF-8"),
        (b"\xfe\xff" + "text\n".encode("utf-16-be"), ": looks like UTF-16; save it as UTF-8"),
        ("text\n".encode("utf-32"), ": looks like UTF-32; save it as UTF-8"),
    ],
)
def test_files_that_are_not_utf_8_text_are_errors(content, problem, tmp_path):
    assert error_message(lambda: lines(tmp_path, content)) == f"{tmp_path}/text{problem}"


@pytest.mark.parametrize("ending", ["", "\n", "\nafter\n"])
def test_too_long_line_is_an_error_after_the_preceding_lines(ending, tmp_path):
    file = write(tmp_path / "text", "a\n" + "x" * 1_000_000 + "\n" + "y" * 10_000_000 + ending)
    stream = numbered_lines(file)
    assert next(stream) == (1, "a")
    assert next(stream) == (2, "x" * 1_000_000)
    assert error_message(lambda: next(stream)) == (
        f"{file}:3: line has more than 1,000,000 bytes; write each sentence on its own line"
    )


def test_only_the_start_of_a_too_long_line_is_read(tmp_path):
    file, counter = write(tmp_path / "text", "x" * 10_000_000), ByteCounter()
    error_message(lambda: list(line_blocks(file, counter)))
    assert counter.count < 2_000_000


def test_missing_permission_is_an_error(tmp_path, monkeypatch):
    def deny(*_):
        raise PermissionError(13, "Permission denied")

    corpus = one_file(tmp_path, "documents", "a\n")
    monkeypatch.setattr(file_set, "open", deny, raising=False)
    for call in (corpus.check, corpus.fingerprint, lambda: list(corpus.records())):
        assert error_message(call) == f"{tmp_path}/text: Permission denied"


def test_disk_error_is_reported(tmp_path, monkeypatch):
    class BrokenFile(io.FileIO):
        def read(self, _):
            raise OSError(5, "Input/output error")

    corpus = one_file(tmp_path, "documents", "a\n")
    monkeypatch.setattr(file_set, "open", BrokenFile, raising=False)
    assert error_message(corpus.check) == f"{tmp_path}/text: Input/output error"


def test_pipe_is_an_error_and_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    file = str(tmp_path / "pipe")
    assert error_message(lambda: check_files([file])) == f"{file}: is not a regular file"
    assert error_message(lambda: check_files(["a\0b"])).endswith("is not a valid file name")
