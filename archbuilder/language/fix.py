"""Edits of spec files that fix problems and keep everything else as it was written."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from archbuilder.files import write_atomic
from archbuilder.language.problems import Edit

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_BYTE_ORDER_MARK = "\ufeff"


def apply_edits(edits: Iterable[Edit]) -> Iterator[Edit]:
    """Write the edits into their files, and yield those that were applied.

    Args:
        edits: The edits, of any number of files. An edit is skipped if its word is not at its
            position, for example because it is written with escapes.

    Raises:
        OSError: A file cannot be read or written.
    """
    edits_of_files = defaultdict(set)
    for edit in edits:
        edits_of_files[edit.file].add(edit)
    for file, edits_of_file in edits_of_files.items():
        path = Path(file)
        old_text = path.read_bytes().decode("utf-8")
        text = old_text
        for edit in sorted(edits_of_file, reverse=True):  # From the end: positions stay valid.
            replaced = _replaced(text, edit)
            if replaced is not None:
                text = replaced
                yield edit
        if text != old_text:
            write_atomic(path, text.encode("utf-8"))


def _replaced(text: str, edit: Edit) -> str | None:
    """Return the text with the edit, or None if the old word is not at the position."""
    start = _offset(text, edit.line, edit.column)
    if text[start : start + 1] in ("'", '"'):
        start += 1
    end = start + len(edit.old)
    if text[start:end] != edit.old:
        return None
    return text[:start] + edit.new + text[end:]


def _offset(text: str, line: int, column: int) -> int:
    """Return the index in a text of a line and a column that are counted from 1."""
    line_starts = [0, *(match.end() for match in _LINE_BREAK.finditer(text))]
    mark = len(_BYTE_ORDER_MARK) if line == 1 and text.startswith(_BYTE_ORDER_MARK) else 0
    return line_starts[line - 1] + mark + column - 1
