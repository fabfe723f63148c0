"""Files read as lines, and the errors of those that are not text."""

import io
import os

import pytest

from archbuilder.errors import UserError
from archbuilder.text.corpus import ByteCounter, file_set, line_reader
from archbuilder.text.corpus.line_reader import check_files, line_blocks, numbered_lines
from tests.text.corpus.sample_corpora import one_file, write


def lines(tmp_path, content):
    return [line for _, line in numbered_lines(write(tmp_path / "text", content))]


def mistake(call):
    with pytest.raises(UserError) as caught:
        call()
    return str(caught.value)


def test_only_a_newline_parts_lines(tmp_path):
    assert lines(tmp_path, "a\u2028b\fc\rd\ve\x85\r\nf\0g\n\nh") == [
        "a\u2028b\fc\rd\ve\x85",
        "f\0g",
        "",
        "h",
    ]


def test_a_mark_at_the_beginning_is_skipped_and_elsewhere_is_text(tmp_path):
    assert lines(tmp_path, "\ufeffa\n\ufeffb\n") == ["a", "\ufeffb"]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
def test_blocks_of_any_size_give_the_same_lines(size, tmp_path, monkeypatch):
    content = "é\r\n\nüber alle\n" + "x" * 20 + "\r\nend"
    whole = lines(tmp_path, content)
    monkeypatch.setattr(line_reader, "_FIRST_BLOCK", max(size, 3))  # A mark has three bytes.
    monkeypatch.setattr(line_reader, "_BLOCK", size)
    assert lines(tmp_path, content) == whole == ["é", "", "über alle", "x" * 20, "end"]
    blocks = list(line_blocks(str(tmp_path / "text")))
    numbers = [number + place for number, found in blocks for place in range(len(found))]
    assert numbers == [1, 2, 3, 4, 5]
    bad = content.encode() + b"\nok\nb\xff"
    place = len(content.encode()) + 5
    assert mistake(lambda: lines(tmp_path, bad)) == (
        f"{tmp_path}/text:7: not UTF-8 at byte {place} of the file"
    )


def test_utf_16_without_a_mark_is_text_with_nuls(tmp_path):
    assert lines(tmp_path, "text\n".encode("utf-16-be")) == ["\0t\0e\0x\0t\0"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", ": is empty"),
        (b"good\nb\xffad\n", ":2: not UTF-8 at byte 6 of the file"),
        (b"\xef\xbb\xbfgood\n\xe9t\xe9", ":2: not UTF-8 at byte 8 of the file"),
        ("text\n".encode("utf-16"), ": looks like UTF-16; save it as UTF-8"),
        (b"\xfe\xff" + "text\n".encode("utf-16-be"), ": looks like UTF-16; save it as UTF-8"),
        ("text\n".encode("utf-32"), ": looks like UTF-32; save it as UTF-8"),
    ],
)
def test_what_is_no_text_is_told(content, sentence, tmp_path):
    assert mistake(lambda: lines(tmp_path, content)) == f"{tmp_path}/text{sentence}"


@pytest.mark.parametrize("ending", ["", "\n", "\nafter\n"])
def test_a_line_without_end_is_told_after_those_before_it(ending, tmp_path):
    file = write(tmp_path / "text", "a\n" + "x" * 1_000_000 + "\n" + "y" * 10_000_000 + ending)
    found = numbered_lines(file)
    assert next(found) == (1, "a")
    assert next(found) == (2, "x" * 1_000_000)
    assert mistake(lambda: next(found)) == (
        f"{file}:3: line has more than 1,000,000 bytes; write each sentence on its own line"
    )


def test_of_a_line_without_end_only_its_beginning_is_read(tmp_path):
    file, read = write(tmp_path / "text", "x" * 10_000_000), ByteCounter()
    mistake(lambda: list(line_blocks(file, read)))
    assert read.count < 2_000_000


def test_a_file_that_may_not_be_read_is_told(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    corpus = one_file(tmp_path, "documents", "a\n")
    monkeypatch.setattr(file_set, "open", refuse, raising=False)
    for call in (corpus.check, corpus.fingerprint, lambda: list(corpus.records())):
        assert mistake(call) == f"{tmp_path}/text: Permission denied"


def test_a_disk_that_fails_is_told(tmp_path, monkeypatch):
    class Broken(io.FileIO):
        def read(self, _):
            raise OSError(5, "Input/output error")

    corpus = one_file(tmp_path, "documents", "a\n")
    monkeypatch.setattr(file_set, "open", Broken, raising=False)
    assert mistake(corpus.check) == f"{tmp_path}/text: Input/output error"


def test_a_pipe_is_told_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    file = str(tmp_path / "pipe")
    assert mistake(lambda: check_files([file])) == f"{file}: is not a regular file"
    assert mistake(lambda: check_files(["a\0b"])).endswith("is not a valid file name")
