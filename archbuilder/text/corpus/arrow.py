"""Tables in Arrow format: Parquet files and Hugging Face data sets."""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator
from typing_extensions import override

from archbuilder.errors import UserError
from archbuilder.language.spec import absolute_path
from archbuilder.text.corpus.file_set import Files, expand_patterns, total_bytes
from archbuilder.text.corpus.line_reader import ByteCounter, check_files
from archbuilder.text.corpus.skip_log import SkipLog
from archbuilder.text.corpus.table import Name, Table, no_column
from archbuilder.text.record import annotation_columns, record_unit

_ROWS = 1000
"""Number of rows that are converted at a time."""


class Parquet(Table):
    """Parquet files; `a.b` is field b of the structs in column a. Requires pyarrow."""

    type: Literal["parquet"]
    files: Files
    """File names or patterns, such as `data/*.parquet`."""

    @override
    def rows(
        self, file: str, skip_log: SkipLog, byte_counter: ByteCounter | None
    ) -> Iterator[tuple[int, Sequence[Any]]]:
        counter, names = byte_counter or ByteCounter(), list(self.table_columns().values())
        parquet = _import_optional("pyarrow.parquet", "parquet", "pyarrow")
        arrow = import_module("pyarrow")
        check_files((file,))
        size, number, counted = total_bytes((file,)), 0, 0
        try:
            with parquet.ParquetFile(file, buffer_size=2**20) as table:
                empty = arrow.Table.from_batches([], table.schema_arrow)
                _check_columns(names, empty.flatten().column_names, file)
                count = table.metadata.num_rows
                for batch in table.iter_batches(_ROWS, columns=names):
                    table_rows = arrow.Table.from_batches([batch]).flatten()
                    columns = [table_rows.column(name).to_pylist() for name in names]
                    yield from enumerate(zip(*columns, strict=True), start=number + 1)
                    number += len(batch)
                    counter.count += size * number // count - counted
                    counted = size * number // count
        except (arrow.ArrowException, *_READ_ERRORS) as error:
            message = f"{file}: cannot be read as Parquet ({_first_line(error)})"
            raise UserError(message) from error
        counter.count += size - counted

    @override
    def files_to_read(self) -> tuple[str, ...]:
        return expand_patterns(self.files)


_READ_ERRORS = (OSError, LookupError, ValueError, OverflowError, ImportError)
"""Other errors of pyarrow, for unusual columns and for values that Python cannot represent."""


def _path_or_name(value: Any) -> Any:
    is_path = isinstance(value, str) and re.match(r"[./~$]", value)
    return absolute_path(value) if is_path else value


class HuggingFace(Table):
    """Data set that the library `datasets` loads; `a.b` is field b in column a."""

    type: Literal["hugging_face"]
    path: Annotated[str, BeforeValidator(_path_or_name)]
    """Name of the data set, or a folder, which starts with '.', '/', '~' or '$'."""
    name: Name | None = None
    """Name of the configuration. Default: the only one of the data set."""
    split: Name = "train"
    """Name of the split."""

    @override
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

    @override
    def tables(self) -> tuple[str, ...]:
        return (self.path,)

    @override
    def files_to_read(self) -> tuple[str, ...]:
        return ()

    @override
    def total_bytes(self) -> int | None:
        return None

    @override
    def fingerprint(self) -> str:
        """Return a hash of the cells, since the library decides where the files are stored."""
        columns = self.record_columns()
        settings = [self.type, record_unit(columns), *annotation_columns(columns)]
        digest = hashlib.sha256(" ".join(settings).encode())
        for _, cells in self.rows(self.path, SkipLog(), None):
            for cell in cells:
                content = repr(cell).encode("utf-8", "surrogatepass")
                digest.update(len(content).to_bytes(8, "big") + content)
        return digest.hexdigest()

    def _load(self) -> Any:
        datasets = _import_optional("datasets", "hugging_face", "datasets")
        try:
            if os.path.isfile(os.path.join(self.path, "dataset_dict.json")):
                return datasets.load_from_disk(self.path)[self.split].flatten()
            if os.path.isfile(os.path.join(self.path, "state.json")):
                return datasets.load_from_disk(self.path).flatten()
            return datasets.load_dataset(self.path, self.name, split=self.split).flatten()
        except Exception as error:  # The library and its dependencies raise errors of many types.
            message = f"{self.path}, split {self.split}: cannot be loaded ({_first_line(error)})"
            raise UserError(message) from error


def _import_optional(module: str, corpus_type: str, package: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise UserError(
            f"type: {corpus_type} requires {package}; pip install 'archbuilder[tables]'"
        ) from error


def _check_columns(required: Sequence[str], names: list[str], file: str) -> None:
    for name in required:
        if name not in names:
            raise no_column(file, 1, name, names)


def _first_line(error: Exception) -> str:
    """Return the first line of an error message of a library."""
    return next(iter(str(error).splitlines()), type(error).__name__)
