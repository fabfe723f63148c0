"""The metrics log of a run: a file with one JSON record per line."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archbuilder.errors import UserError, writable
from archbuilder.files import write_atomic
from archbuilder.html_table import html_table

VALIDATION = "validation_"
"""Prefix of the names of metrics on the validation data."""


@dataclass(frozen=True)
class Series:
    """The values of one metric, in ascending order of their steps."""

    steps: tuple[int, ...]
    """Training step of each value."""
    values: tuple[float, ...]
    """Values of the metric."""


@dataclass(frozen=True, repr=False)
class MetricsTable:
    """The records of a run's training steps and evaluations, in the order of the log."""

    columns: tuple[str, ...]
    """Names of the columns: `step`, then the metrics, such as `loss` and `validation_loss`."""
    rows: tuple[tuple[float | None, ...], ...]
    """Values of each record, in the order of `columns`. None if a record does not have a metric."""

    def training(self, metric: str) -> Series:
        """Return a training metric, such as `loss`. The series is empty if it was not logged."""
        return self._series(metric)

    def validation(self, metric: str) -> Series:
        """Return a validation metric, such as `loss`. The series is empty if it was not logged."""
        return self._series(f"{VALIDATION}{metric}")

    def training_metrics(self) -> tuple[str, ...]:
        """Return the names of the training metrics."""
        return tuple(name for name in self.columns[1:] if not name.startswith(VALIDATION))

    def validation_metrics(self) -> tuple[str, ...]:
        """Return the names of the validation metrics, without the prefix `validation_`."""
        prefixed = (name for name in self.columns if name.startswith(VALIDATION))
        return tuple(name.removeprefix(VALIDATION) for name in prefixed)

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, float]]:
        """Yield each record as a dictionary, without the metrics that it does not have."""
        for row in self.rows:
            cells = zip(self.columns, row, strict=True)
            yield {name: value for name, value in cells if value is not None}

    def to_dict(self) -> dict[str, list[float | None]]:
        """Return the values of each column by name, as a valid input of `pandas.DataFrame`."""
        return {name: [row[index] for row in self.rows] for index, name in enumerate(self.columns)}

    def __repr__(self) -> str:
        return f"MetricsTable({len(self)} records of {', '.join(self.columns)})"

    def _repr_html_(self) -> str:
        return html_table(f"{len(self)} records", self.columns, self.rows)

    def _series(self, column: str) -> Series:
        if column not in self.columns:
            return Series((), ())
        index = self.columns.index(column)
        points = [(int(row[0] or 0), row[index]) for row in self.rows]
        points = [(step, value) for step, value in points if value is not None]
        return Series(*map(tuple, zip(*points, strict=True))) if points else Series((), ())


def read_metrics(path: Path) -> MetricsTable:
    """Return the records of a metrics log. An incomplete last line is skipped.

    Raises:
        UserError: The file cannot be read, or a complete line is not a record.
    """
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    records = []
    for number, line in enumerate(lines, start=1):
        record = _parse(line)
        if record is not None:
            records.append(record)
        elif number < len(lines) or line.endswith(b"\n"):
            raise UserError(f"{path}:{number}: must be a JSON object with a number at 'step'")
    columns = tuple(dict.fromkeys(["step", *(name for record in records for name in record)]))
    rows = tuple(tuple(_number(record.get(name)) for name in columns) for record in records)
    return MetricsTable(columns, rows)


class MetricsLog:
    """Writer that appends records to a metrics log."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, record: dict[str, Any]) -> None:
        """Append a record, which must contain `step`."""
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def truncate(self, step: int) -> None:
        """Remove the records after a step, and lines that are not valid records."""
        if not self.path.exists():
            return
        with writable(self.path):
            lines = self.path.read_bytes().splitlines()
            remaining = [line for line in lines if _is_record_up_to(line, step)]
            write_atomic(self.path, b"".join(line + b"\n" for line in remaining))


def _is_record_up_to(line: bytes, step: int) -> bool:
    record = _parse(line)
    return record is not None and record["step"] <= step


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return the record in a line, or None if the line is not a record."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    is_record = isinstance(record, dict) and _number(record.get("step")) is not None
    return record if is_record else None


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
