"""Tables for notebooks, in HTML."""

from collections.abc import Iterable, Sequence
from html import escape


def html_table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table with a caption; all text is escaped, and None is an empty cell.

    Args:
        caption: The text above the table.
        columns: The names of the columns; no header if there are none.
        rows: The cells of each row, in the order of the columns.
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
