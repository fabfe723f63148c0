"""Streaming reader of text files, compressed or not. Errors name the file and the line."""

import os
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from archbuilder.errors import UserError
from archbuilder.text.corpus.compression import compression_type, decompress
from archbuilder.text.corpus.file_set import open_file

MAX_LINE_BYTES = 1_000_000
"""Maximum length of a line in bytes. A file with a longer line is probably not text."""
_FIRST_BLOCK_SIZE, _BLOCK_SIZE = 2**16, 2**19
"""Sizes of the first block and of the other blocks in bytes; see `_read_blocks`."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UNSUPPORTED_BYTE_ORDER_MARKS = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


class ByteCounter:
    """Counter of the bytes that were read from disk, before decompression."""

    def __init__(self) -> None:
        self.count = 0


class _InvalidUTF8Error(UserError):
    """Error for bytes that are not UTF-8, possibly because the file is damaged."""


def check_files(files: Iterable[str]) -> None:
    """Raise `UserError` if the start of a file cannot be read."""
    for file in files:
        next(blocks(file), None)


def blocks(file: str, byte_counter: ByteCounter | None = None) -> Iterator[bytes]:
    """Yield the content of a file in blocks. The file name selects the decompression.

    Args:
        file: The name of the file.
        byte_counter: The counter to which the bytes read from disk are added. Default: none.

    Raises:
        UserError: The file is empty or cannot be read.
    """
    counter = byte_counter or ByteCounter()
    with open_file(file) as raw:
        size, position = os.fstat(raw.fileno()).st_size, 0
        if not size:
            raise UserError(f"{file}: is empty")
        is_empty = True
        for block in _read_blocks(file, raw):
            counter.count += raw.tell() - position
            position = raw.tell()
            is_empty = False
            yield block
        if is_empty:
            raise UserError(f"{file}: is empty after decompression")


def _read_blocks(file: str, raw: BinaryIO) -> Iterator[bytes]:
    """Yield blocks of similar size; the first is small, for callers that need only the start."""
    block_size = _FIRST_BLOCK_SIZE
    try:
        if not compression_type(file):
            while block := raw.read(block_size):
                yield block
                block_size = _BLOCK_SIZE
            return
        pieces, size, problem = [], 0, None
        try:
            for piece in decompress(file, raw):
                pieces.append(piece)
                size += len(piece)
                if size >= block_size:
                    yield b"".join(pieces)
                    pieces, size, block_size = [], 0, _BLOCK_SIZE
        except UserError as error:
            problem = error  # The preceding text is yielded first.
        if size:
            yield b"".join(pieces)
        if problem is not None:
            raise problem
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from error


def numbered_lines(
    file: str, byte_counter: ByteCounter | None = None, max_bytes: int = MAX_LINE_BYTES
) -> Iterator[tuple[int, str]]:
    """Yield (line number, line) for each line; see `line_blocks`. Numbers start at 1."""
    for number, lines in line_blocks(file, byte_counter, max_bytes):
        yield from enumerate(lines, start=number)


def line_blocks(
    file: str, byte_counter: ByteCounter | None = None, max_bytes: int = MAX_LINE_BYTES
) -> Iterator[tuple[int, list[str]]]:
    r"""Yield (number of the first line, lines) for each block of a file.

    Only "\n" and "\r\n" end a line. Only one block is held in memory.

    Args:
        file: The name of the file.
        byte_counter: The counter to which the bytes read from disk are added. Default: none.
        max_bytes: The maximum length of a line in bytes.

    Raises:
        UserError: A line is not UTF-8 or longer than `max_bytes`, or the file cannot be read. The
            preceding lines are yielded first.
    """
    stream = blocks(file, byte_counter)
    try:
        yield from _split_lines(stream, file, max_bytes)
    except _InvalidUTF8Error:
        # If a compressed file is damaged, its checksum at the end may give a better error.
        for _ in stream if compression_type(file) else ():
            pass
        raise


def _split_lines(
    stream: Iterator[bytes], file: str, max_bytes: int
) -> Iterator[tuple[int, list[str]]]:
    # `rest` is the incomplete last line of the preceding blocks, which starts at line `number` and
    # byte `position` of the file.
    number, position, rest = 1, None, b""
    for block in stream:
        if position is None:
            position = _byte_order_mark_length(file, block)
            block = block[position:]
        data, newline, rest = (rest + block).rpartition(b"\n")
        if newline:
            for lines in _decode_lines(data, file, number, position, max_bytes):
                yield number, lines
                number += len(lines)
            position += len(data) + 1
        if len(rest) > max_bytes:
            raise line_too_long(file, number, max_bytes)
    if rest:
        for lines in _decode_lines(rest, file, number, position or 0, max_bytes):
            yield number, lines


def _byte_order_mark_length(file: str, block: bytes) -> int:
    """Return the length of a UTF-8 byte order mark; raise UserError for UTF-16 and UTF-32."""
    for mark, name in _UNSUPPORTED_BYTE_ORDER_MARKS.items():
        if block.startswith(mark):
            raise UserError(f"{file}: looks like {name}; save it as UTF-8")
    return len(_BYTE_ORDER_MARK) if block.startswith(_BYTE_ORDER_MARK) else 0


def _decode_lines(
    data: bytes, file: str, number: int, position: int, max_bytes: int
) -> Iterator[list[str]]:
    """Yield the lines in `data`, which starts at line `number`, byte `position` of the file."""
    valid, problem = data, None
    if len(data) > max_bytes:
        valid, problem = _before_long_line(data, file, number, max_bytes)
    try:
        text = valid.decode()
    except UnicodeDecodeError as error:
        line, byte = number + valid.count(b"\n", 0, error.start), position + error.start
        problem = _InvalidUTF8Error(f"{file}:{line}: not UTF-8 at byte {byte} of the file")
        valid = valid[: max(valid.rfind(b"\n", 0, error.start), 0)]
        text = valid.decode()
    if valid or problem is None:
        yield (text.replace("\r\n", "\n") if "\r" in text else text).removesuffix("\r").split("\n")
    if problem is not None:
        raise problem


def _before_long_line(
    data: bytes, file: str, number: int, max_bytes: int
) -> tuple[bytes, UserError | None]:
    """Return the lines before the first line that is too long, and the error, if there is one."""
    end = 0
    for line in data.split(b"\n"):
        if len(line) > max_bytes:
            return data[: max(end - 1, 0)], line_too_long(file, number, max_bytes)
        number, end = number + 1, end + len(line) + 1
    return data, None


def line_too_long(file: str, number: int, max_bytes: int) -> UserError:
    """Return the error for line `number`, which has more than `max_bytes` bytes."""
    return UserError(
        f"{file}:{number}: line has more than {max_bytes:,} bytes; "
        "write each sentence on its own line"
    )
