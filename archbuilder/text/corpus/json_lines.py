"""Tables of JSON objects, one a line."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from archbuilder.errors import UserError
from archbuilder.language.node import quote
from archbuilder.text.corpus.reading import Files, Reading, expanded, numbered_lines
from archbuilder.text.corpus.table import LONGEST_ROW, Table, no_column


class JsonLines(Table):
    """A JSON object a line, its keys the columns; `a.b` is the key b in the object at a."""

    type: Literal["jsonl"]
    files: Files
    """The files, or patterns of files; .gz, .xz and .zst are decompressed."""

    def rows(self, file: str, reading: Reading) -> Iterator[tuple[int, Sequence[Any]]]:
        wanted = self.wanted
        for number, line in numbered_lines(file, reading, LONGEST_ROW):
            if not line or line.isspace():
                reading.leave_out("empty line", file, number)
                continue
            found = _object(line, file, number)
            cells = [_cell(found, name, file, number) for name in wanted]
            if "\\u" in line:
                _refuse_halves(cells, wanted, file, number)
            yield number, cells

    def files_to_read(self) -> tuple[str, ...]:
        return expanded(self.files)


def _object(line: str, file: str, number: int) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{file}:{number}: not JSON at column {error.colno}: {error.msg}"
        ) from error
    except (ValueError, RecursionError) as error:  # Numbers and nests that are too long for it.
        raise UserError(f"{file}:{number}: JSON that cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise UserError(f"{file}:{number}: not a JSON object, whose keys are the columns")
    return found


def _cell(row: dict[str, Any], name: str, file: str, number: int) -> Any:
    if name in row:
        return row[name]
    value: Any = row
    for step in name.split("."):
        if not isinstance(value, dict) or step not in value:
            raise no_column(file, number, name, row, kind="key")
        value = value[step]
    return value


def _refuse_halves(cells: list[Any], names: Sequence[str], file: str, number: int) -> None:
    """JSON can write half of a surrogate pair, which is no character and has no UTF-8."""
    for cell, name in zip(cells, names, strict=True):
        try:
            if isinstance(cell, str):
                cell.encode()
        except UnicodeEncodeError as error:
            half = ord(cell[error.start])
            raise UserError(
                f"{file}:{number}: {quote(name)} holds \\u{half:04x}, half of a character"
            ) from error
