"""Edits of spec files that fix problems and leave the rest of each file unchanged."""

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from archbuilder.errors import writable
from archbuilder.files import write_atomic
from archbuilder.language.problems import Edit

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_BYTE_ORDER_MARK = "\ufeff"


def apply_edits(edits: Iterable[Edit]) -> list[Edit]:
    """Apply the edits to their files, and return those that were applied, in order.

    Args:
        edits: The edits, of any number of files. An edit is skipped if the file does not have the
            old word at the position, for example because the word is written with escapes.

    Raises:
        OSError: A file cannot be read.
        UserError: A file cannot be written.
    """
    applied: list[Edit] = []
    edits_by_file = defaultdict(set)
    for edit in edits:
        edits_by_file[edit.file].add(edit)
    for file, file_edits in edits_by_file.items():
        path = Path(file)
        old_text = path.read_bytes().decode("utf-8")
        text = old_text
        for edit in sorted(file_edits, reverse=True):  # From the end, so that positions stay valid.
            edited = _apply(text, edit)
            if edited is not None:
                text = edited
                applied.append(edit)
        if text != old_text:
            with writable(path):
                write_atomic(path, text.encode("utf-8"))
    return sorted(applied)


def _apply(text: str, edit: Edit) -> str | None:
    """Return the text after the edit, or None if the old word is not at the position."""
    start = _offset(text, edit.line, edit.column)
    if text[start : start + 1] in ("'", '"'):
        start += 1
    end = start + len(edit.old)
    if text[start:end] != edit.old:
        return None
    return text[:start] + edit.new + text[end:]


def _offset(text: str, line: int, column: int) -> int:
    """Return the index of a character from its line and column, which are counted from 1."""
    line_starts = [0, *(match.end() for match in _LINE_BREAK.finditer(text))]
    mark = len(_BYTE_ORDER_MARK) if line == 1 and text.startswith(_BYTE_ORDER_MARK) else 0
    return line_starts[line - 1] + mark + column - 1
