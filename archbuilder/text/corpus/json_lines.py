"""JSON Lines files: one JSON object per line."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from typing_extensions import override

from archbuilder.errors import UserError
from archbuilder.language.node import quote
from archbuilder.text.corpus.file_set import Files, expand_patterns
from archbuilder.text.corpus.line_reader import ByteCounter, numbered_lines
from archbuilder.text.corpus.skip_log import SkipLog
from archbuilder.text.corpus.table import EMPTY_LINE, MAX_ROW_BYTES, Table, no_column
from archbuilder.text.record import SourceLocation


class JsonLines(Table):
    """JSON Lines: one JSON object per line, whose keys are columns; `a.b` is key b in object a."""

    type: Literal["jsonl"]
    files: Files
    """File names or patterns, such as `data/*.jsonl`; .gz, .xz and .zst files are decompressed."""

    @override
    def rows(
        self, file: str, skip_log: SkipLog, byte_counter: ByteCounter | None
    ) -> Iterator[tuple[int, Sequence[Any]]]:
        names = tuple(self.table_columns().values())
        for number, line in numbered_lines(file, byte_counter, MAX_ROW_BYTES):
            if not line or line.isspace():
                skip_log.add("lines", EMPTY_LINE, SourceLocation(file, number))
                continue
            row = _parse_object(line, file, number)
            cells = [_cell(row, name, file, number) for name in names]
            if "\\u" in line:
                _reject_lone_surrogates(cells, names, file, number)
            yield number, cells

    @override
    def files_to_read(self) -> tuple[str, ...]:
        return expand_patterns(self.files)


def _parse_object(line: str, file: str, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{file}:{number}: invalid JSON at column {error.colno}: {error.msg}"
        ) from error
    except (ValueError, RecursionError) as error:  # Numbers that are too long, or deep nesting.
        raise UserError(f"{file}:{number}: unsupported JSON: {error}") from error
    if not isinstance(row, dict):
        raise UserError(f"{file}:{number}: must be a JSON object, whose keys are the columns")
    return row


def _cell(row: dict[str, Any], name: str, file: str, number: int) -> Any:
    if name in row:
        return row[name]
    value: Any = row
    for key in name.split("."):
        if not isinstance(value, dict) or key not in value:
            raise no_column(file, number, name, row, term="key")
        value = value[key]
    return value


def _reject_lone_surrogates(cells: list[Any], names: Sequence[str], file: str, number: int) -> None:
    """Raise `UserError` for a half of a surrogate pair, which JSON can express but UTF-8 cannot."""
    for cell, name in zip(cells, names, strict=True):
        try:
            if isinstance(cell, str):
                cell.encode()
        except UnicodeEncodeError as error:
            half = ord(cell[error.start])
            raise UserError(
                f"{file}:{number}: {quote(name)} contains \\u{half:04x}, half of a surrogate pair"
            ) from error
