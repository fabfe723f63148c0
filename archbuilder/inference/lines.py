"""Lines of text as they come in: one ends at each newline, and at nothing else."""

import sys
from pathlib import Path

from archbuilder.errors import UserError


def read_lines(path: Path | None) -> list[str]:
    """The lines of a file, or of standard input where `path` is None; UTF-8, with LF or CRLF."""
    name = "standard input" if path is None else path
    try:
        return parted(_content(path).decode("utf-8-sig"))
    except OSError as error:
        raise UserError(f"{name}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{name}: byte {error.start} is not UTF-8") from error


def parted(text: str) -> list[str]:
    """The lines of a text; a form feed or a Unicode line separator is a part of its line."""
    lines = text.split("\n")
    if not lines[-1]:  # A newline ends a line and begins none.
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def _content(path: Path | None) -> bytes:
    if path is not None:
        return path.read_bytes()
    if sys.stdin is None:  # What Python makes of a closed descriptor.
        raise UserError("standard input is closed; give --input")
    return sys.stdin.buffer.read()
