"""Tables in Arrow's columns: Parquet files, and the data sets of Hugging Face."""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from archbuilder.errors import UserError
from archbuilder.language.spec import file_path
from archbuilder.text.corpus.reading import Files, Reading, check_files, expanded, total_bytes
from archbuilder.text.corpus.table import Name, Table, no_column

_ROWS = 1000
"""Rows taken out of their columns at once."""


class Parquet(Table):
    """Parquet files; `a.b` is the field b of the structs in column a. Needs pyarrow."""

    type: Literal["parquet"]
    files: Files
    """The files, or patterns of files."""

    def rows(self, file: str, reading: Reading) -> Iterator[tuple[int, Sequence[Any]]]:
        parquet = _needed("pyarrow.parquet", "parquet", "pyarrow")
        arrow = import_module("pyarrow")
        check_files((file,))
        size, number, counted = total_bytes((file,)), 0, 0
        try:
            with parquet.ParquetFile(file, buffer_size=2**20) as table:
                empty = arrow.Table.from_batches([], table.schema_arrow)
                _check_columns(self.wanted, empty.flatten().column_names, file)
                count = table.metadata.num_rows
                for batch in table.iter_batches(_ROWS, columns=list(self.wanted)):
                    flat = arrow.Table.from_batches([batch]).flatten()
                    columns = [flat.column(name).to_pylist() for name in self.wanted]
                    yield from enumerate(zip(*columns, strict=True), start=number + 1)
                    number += len(batch)
                    reading.bytes += size * number // count - counted
                    counted = size * number // count
        except (arrow.ArrowException, *_ODD) as error:
            raise UserError(f"{file}: not Parquet that can be read ({_first(error)})") from error
        reading.bytes += size - counted

    def files_to_read(self) -> tuple[str, ...]:
        return expanded(self.files)


_ODD = (OSError, LookupError, ValueError, OverflowError, ImportError)
"""What the library raises, beside its own, for odd columns and for what Python has no value."""


def _path_or_name(value: Any) -> Any:
    local = isinstance(value, str) and re.match(r"[./~$]", value)
    return file_path(value) if local else value


class HuggingFace(Table):
    """A data set that the library `datasets` loads; `a.b` is the field b in column a."""

    type: Literal["hugging_face"]
    path: Annotated[str, BeforeValidator(_path_or_name)]
    """What the data set is called; or a folder, which begins with '.', '/', '~' or '$'."""
    name: Name | None = None
    """Which of its configurations, where it has several."""
    split: Name = "train"
    """Which of its splits."""

    def rows(self, file: str, reading: Reading) -> Iterator[tuple[int, Sequence[Any]]]:
        data = self._load()
        _check_columns(self.wanted, data.column_names, file)
        number = 1
        for batch in data.select_columns(list(self.wanted)).iter(batch_size=_ROWS):
            columns = [batch[name] for name in self.wanted]
            yield from enumerate(zip(*columns, strict=True), start=number)
            number += len(columns[0])

    def tables(self) -> tuple[str, ...]:
        return (self.path,)

    def files_to_read(self) -> tuple[str, ...]:
        return ()

    def total_bytes(self) -> int | None:
        return None

    def fingerprint(self) -> str:
        """As of every corpus; the cells themselves are hashed, since they may lie anywhere."""
        digest = hashlib.sha256(" ".join((self.type, self.form)).encode())
        for _, cells in self.rows(self.path, Reading()):
            for cell in cells:
                content = repr(cell).encode("utf-8", "surrogatepass")
                digest.update(len(content).to_bytes(8, "big") + content)
        return digest.hexdigest()

    def _load(self) -> Any:
        datasets = _needed("datasets", "hugging_face", "datasets")
        try:
            if os.path.isfile(os.path.join(self.path, "dataset_dict.json")):
                return datasets.load_from_disk(self.path)[self.split].flatten()
            if os.path.isfile(os.path.join(self.path, "state.json")):
                return datasets.load_from_disk(self.path).flatten()
            return datasets.load_dataset(self.path, self.name, split=self.split).flatten()
        except Exception as error:  # The library and those below it have errors of many kinds.
            where = f"{self.path}, split {self.split}"
            raise UserError(f"{where}: cannot be loaded ({_first(error)})") from error


def _needed(module: str, kind: str, package: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise UserError(
            f"reading {kind} needs {package}: pip install 'archbuilder[tables]'"
        ) from error


def _check_columns(wanted: Sequence[str], names: list[str], file: str) -> None:
    for name in wanted:
        if name not in names:
            raise no_column(file, 1, name, names)


def _first(error: Exception) -> str:
    """The first line of what a library says."""
    return next(iter(str(error).splitlines()), type(error).__name__)
