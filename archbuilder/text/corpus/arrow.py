"""Tables in Arrow columns: Parquet files, and data sets of Hugging Face."""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from archbuilder.errors import UserError
from archbuilder.language.spec import file_path
from archbuilder.text.corpus.file_set import Files, expand_patterns, total_bytes
from archbuilder.text.corpus.line_reader import ByteCounter, check_files
from archbuilder.text.corpus.skip_log import SkipLog
from archbuilder.text.corpus.table import Name, Table, no_column
from archbuilder.text.record import annotation_columns, record_unit

_ROWS = 1000
"""Rows that are converted at a time."""


class Parquet(Table):
    """Parquet files; `a.b` is the field b of the structs in column a. Needs pyarrow."""

    type: Literal["parquet"]
    files: Files
    """The files, or patterns of files."""

    def rows(
        self, file: str, skip_log: SkipLog, byte_counter: ByteCounter | None
    ) -> Iterator[tuple[int, Sequence[Any]]]:
        counter, names = byte_counter or ByteCounter(), list(self.table_columns().values())
        parquet = _needed("pyarrow.parquet", "parquet", "pyarrow")
        arrow = import_module("pyarrow")
        check_files((file,))
        size, number, counted = total_bytes((file,)), 0, 0
        try:
            with parquet.ParquetFile(file, buffer_size=2**20) as table:
                empty = arrow.Table.from_batches([], table.schema_arrow)
                _check_columns(names, empty.flatten().column_names, file)
                count = table.metadata.num_rows
                for batch in table.iter_batches(_ROWS, columns=names):
                    flat = arrow.Table.from_batches([batch]).flatten()
                    columns = [flat.column(name).to_pylist() for name in names]
                    yield from enumerate(zip(*columns, strict=True), start=number + 1)
                    number += len(batch)
                    counter.count += size * number // count - counted
                    counted = size * number // count
        except (arrow.ArrowException, *_ODD) as error:
            raise UserError(f"{file}: not Parquet that can be read ({_first(error)})") from error
        counter.count += size - counted

    def files_to_read(self) -> tuple[str, ...]:
        return expand_patterns(self.files)


_ODD = (OSError, LookupError, ValueError, OverflowError, ImportError)
"""Errors of the library, beside its own, for odd columns and values that Python does not have."""


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

    def rows(
        self, file: str, skip_log: SkipLog, byte_counter: ByteCounter | None
    ) -> Iterator[tuple[int, Sequence[Any]]]:
        data, names = self._load(), list(self.table_columns().values())
        _check_columns(names, data.column_names, file)
        number = 1
        for batch in data.select_columns(names).iter(batch_size=_ROWS):
            columns = [batch[name] for name in names]
            yield from enumerate(zip(*columns, strict=True), start=number)
            number += len(columns[0])

    def tables(self) -> tuple[str, ...]:
        return (self.path,)

    def files_to_read(self) -> tuple[str, ...]:
        return ()

    def total_bytes(self) -> int | None:
        return None

    def fingerprint(self) -> str:
        """Return a hash of the cells themselves, since the files may be anywhere."""
        columns = self.record_columns()
        settings = [self.type, record_unit(columns), *annotation_columns(columns)]
        digest = hashlib.sha256(" ".join(settings).encode())
        for _, cells in self.rows(self.path, SkipLog(), None):
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


def _check_columns(needed: Sequence[str], names: list[str], file: str) -> None:
    for name in needed:
        if name not in names:
            raise no_column(file, 1, name, names)


def _first(error: Exception) -> str:
    """Return the first line of the message of a library."""
    return next(iter(str(error).splitlines()), type(error).__name__)
