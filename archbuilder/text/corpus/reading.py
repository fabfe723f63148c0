"""Text files read as lines: streamed, decompressed, decoded, and every mistake at its place."""

import hashlib
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from glob import escape, glob
from io import BufferedReader
from typing import Annotated, BinaryIO

from pydantic import AfterValidator

from archbuilder.errors import UserError
from archbuilder.language import FilePath
from archbuilder.text.corpus.compression import decompressed, kind_of

LONGEST_LINE = 1_000_000
"""Bytes: a longer one is no sentence, but a file that is not what it was taken for."""
_FIRST_BLOCK, _BLOCK = 2**16, 2**19
_MARK = b"\xef\xbb\xbf"
_OTHER_MARKS = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


def _not_none(files: tuple[str, ...]) -> tuple[str, ...]:
    if not files:
        raise ValueError("must name at least one file")
    return files


Files = Annotated[tuple[FilePath, ...], AfterValidator(_not_none)]
"""Files, or patterns with `*`, `?`, `[...]` and `**` that files match."""


class _NotUTF8(UserError):
    """The mistake of bytes that are no text, or come of a damaged file."""


@dataclass
class LeftOut:
    """What was not read for one reason: how many, and where the first of them stands."""

    count: int
    first: str


@dataclass
class Reading:
    """How far the reading of a corpus has come, and what it left out.

    `bytes` counts what was taken from the disk, compressed as it lies there; `left_out` is by
    reason, such as "empty document"; `empty_lines` are those between documents.
    """

    bytes: int = 0
    empty_lines: int = 0
    left_out: dict[str, LeftOut] = field(default_factory=dict)
    _at: tuple[str, int, bool] = ("", 0, False)

    def at(self, file: str, line: int, a_line_each: bool = False) -> None:
        """What is read next begins at this place, with or without `a_line_each` for sentences."""
        self._at = file, line, a_line_each

    def place(self, sentence: int = 0) -> str:
        """Where what was read last stands, or a sentence of it, counted from nought."""
        file, line, a_line_each = self._at
        if a_line_each or not sentence:
            return f"{file}:{line + sentence}"
        return f"{file}:{line}, sentence {sentence + 1}"

    def leave_out(self, reason: str, file: str, line: int) -> None:
        """Count what is not read for this reason, at this place."""
        found = self.left_out.get(reason)
        if found is None:
            self.left_out[reason] = LeftOut(1, f"{file}:{line}")
        else:
            found.count += 1


def expanded(names: Iterable[str]) -> tuple[str, ...]:
    """The files that these names and patterns stand for, those of a pattern sorted.

    Raises `UserError` for a pattern that none matches, and for a file that is named twice.
    """
    found = [file for name in names for file in _matching(name)]
    for file, count in Counter(found).items():
        if count > 1:
            raise UserError(f"{file}: is among the files twice")
    return tuple(found)


def _matching(name: str) -> list[str]:
    if not re.search(r"[*?[]", name) or os.path.lexists(name):
        return [name]
    pattern = _literal_where_it_exists(name)
    found = sorted(file for file in glob(pattern, recursive=True) if not os.path.isdir(file))
    if not found:
        raise UserError(f"{name}: no file matches")
    return found


def _literal_where_it_exists(pattern: str) -> str:
    """A pattern with the folders that it begins with taken by their names, brackets and all."""
    folder = pattern
    while folder and not os.path.isdir(folder):
        folder = folder.rpartition("/")[0]
    return escape(folder) + pattern[len(folder) :]


def check_files(files: Iterable[str]) -> None:
    """Raise `UserError` for the first that cannot be read, after a look at how each begins."""
    for file in files:
        next(blocks(file, Reading()), None)


def total_bytes(files: Iterable[str]) -> int:
    """The bytes that the files take on the disk."""
    total = 0
    for file in files:
        with _opened(file) as raw:
            total += os.fstat(raw.fileno()).st_size
    return total


def stamps(files: Iterable[str]) -> dict[str, tuple[int, int, int]]:
    """What shows that a file was changed: its size, its time of change in ns, and its number."""
    found = {}
    for file in files:
        with _opened(file) as raw:
            about = os.fstat(raw.fileno())
        found[file] = about.st_size, about.st_mtime_ns, about.st_ino
    return found


def content_hash(files: Iterable[str], settings: str) -> str:
    """A hash of what is in the files, in order, and of the settings they are read by."""
    digest = hashlib.sha256(settings.encode())
    for file in files:
        with _opened(file) as raw:
            digest.update(f"\n{kind_of(file)} ".encode())
            digest.update(hashlib.file_digest(raw, "sha256").digest())
    return digest.hexdigest()


def blocks(file: str, reading: Reading) -> Iterator[bytes]:
    """What is in a file, decompressed if its name says so; raises `UserError` if it is empty."""
    with _opened(file) as raw:
        size, position = os.fstat(raw.fileno()).st_size, 0
        if not size:
            raise UserError(f"{file}: is empty")
        found = False
        for block in _gathered(file, raw):
            reading.bytes += raw.tell() - position
            position = raw.tell()
            found = True
            yield block
        if not found:
            raise UserError(f"{file}: is empty once decompressed")


def _opened(file: str) -> BufferedReader:
    try:
        mode = os.stat(file).st_mode
        if stat.S_ISDIR(mode):
            raise UserError(f"{file}: is a directory, not a text file")
        if not stat.S_ISREG(mode):
            raise UserError(f"{file}: is not a regular file")
        return open(file, "rb")
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from error
    except ValueError as error:  # A NUL in it.
        raise UserError(f"{file}: is not a name that a file can have") from error


def _gathered(file: str, raw: BinaryIO) -> Iterator[bytes]:
    """Blocks of like size; the first is small, for those who look at the beginning alone."""
    wanted = _FIRST_BLOCK
    try:
        if not kind_of(file):
            while block := raw.read(wanted):
                yield block
                wanted = _BLOCK
            return
        pieces, size, mistake = [], 0, None
        try:
            for piece in decompressed(file, raw):
                pieces.append(piece)
                size += len(piece)
                if size >= wanted:
                    yield b"".join(pieces)
                    pieces, size, wanted = [], 0, _BLOCK
        except UserError as error:
            mistake = error  # What stands before it is text.
        if size:
            yield b"".join(pieces)
        if mistake is not None:
            raise mistake
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from error


def numbered_lines(
    file: str, reading: Reading, longest: int = LONGEST_LINE
) -> Iterator[tuple[int, str]]:
    """(number, line) for each line, as `line_blocks` reads them."""
    for number, lines in line_blocks(file, reading, longest):
        yield from enumerate(lines, start=number)


def line_blocks(
    file: str, reading: Reading, longest: int = LONGEST_LINE
) -> Iterator[tuple[int, list[str]]]:
    """(number of the first line, lines) of block after block, in bounded memory.

    Lines end at "\\n" or "\\r\\n" alone. Raises `UserError`, once the lines before are out, at a
    line that is not UTF-8 or has more than `longest` bytes, and where the file cannot be read.
    """
    stream = blocks(file, reading)
    try:
        yield from _lines_of(stream, file, longest)
    except _NotUTF8:
        # A damaged file may be told by its checksum alone, which comes last.
        for _ in stream if kind_of(file) else ():
            pass
        raise


def _lines_of(stream: Iterator[bytes], file: str, longest: int) -> Iterator[tuple[int, list[str]]]:
    number, begin, rest = 1, None, b""
    for block in stream:
        if begin is None:
            begin = _length_of_mark(file, block)
            block = block[begin:]
        data, newline, rest = (rest + block).rpartition(b"\n")
        if newline:
            for lines in _decoded(data, file, number, begin, longest):
                yield number, lines
                number += len(lines)
            begin += len(data) + 1
        if len(rest) > longest:
            raise too_long_a_line(file, number, longest)
    if rest:
        for lines in _decoded(rest, file, number, begin or 0, longest):
            yield number, lines


def _length_of_mark(file: str, block: bytes) -> int:
    for mark, name in _OTHER_MARKS.items():
        if block.startswith(mark):
            raise UserError(f"{file}: looks like {name}; save it as UTF-8")
    return len(_MARK) if block.startswith(_MARK) else 0


def _decoded(data: bytes, file: str, number: int, begin: int, longest: int) -> Iterator[list[str]]:
    """The lines in `data`, which begins as line `number` at byte `begin`."""
    good, mistake = data, None
    if len(data) > longest:
        good, mistake = _up_to_too_long(data, file, number, longest)
    try:
        text = good.decode()
    except UnicodeDecodeError as error:
        line, place = number + good.count(b"\n", 0, error.start), begin + error.start
        mistake = _NotUTF8(f"{file}:{line}: not UTF-8 at byte {place} of the file")
        good = good[: max(good.rfind(b"\n", 0, error.start), 0)]
        text = good.decode()
    if good or mistake is None:
        yield (text.replace("\r\n", "\n") if "\r" in text else text).removesuffix("\r").split("\n")
    if mistake is not None:
        raise mistake


def _up_to_too_long(
    data: bytes, file: str, number: int, longest: int
) -> tuple[bytes, UserError | None]:
    end = 0
    for line in data.split(b"\n"):
        if len(line) > longest:
            return data[: max(end - 1, 0)], too_long_a_line(file, number, longest)
        number, end = number + 1, end + len(line) + 1
    return data, None


def too_long_a_line(file: str, number: int, longest: int) -> UserError:
    """The mistake of a line that is too long for a sentence."""
    return UserError(
        f"{file}:{number}: a line of more than {longest:,} bytes; "
        "text needs its sentences on lines of their own"
    )
