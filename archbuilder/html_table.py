"""HTML tables for notebooks."""

from collections.abc import Iterable, Sequence
from html import escape


def html_table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as HTML. All text is escaped.

    Args:
        caption: Text above the table.
        columns: Names of the columns. If it is empty, the table has no header.
        rows: Cells of each row, in the order of `columns`. None is an empty cell.
    """
    header = _row("th", columns) if columns else ""
    body = "".join(_row("td", row) for row in rows)
    return f"<table><caption>{escape(caption)}</caption>{header}{body}</table>"


def _row(tag: str, cells: Iterable[object]) -> str:
    return f"<tr>{''.join(f'<{tag}>{_text(cell)}</{tag}>' for cell in cells)}</tr>"


def _text(cell: object) -> str:
    if cell is None:
        return ""
    return escape(f"{cell:,.6g}" if isinstance(cell, float) else str(cell))
