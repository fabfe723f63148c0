"""The interface of corpora: streams of records with named columns."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import ClassVar, TypeVar

from archbuilder.errors import UserError
from archbuilder.language import Spec
from archbuilder.text.corpus.file_set import content_hash, stamps, total_bytes
from archbuilder.text.corpus.line_reader import ByteCounter, check_files
from archbuilder.text.corpus.skip_log import SkipLog
from archbuilder.text.record import DOCUMENTS, Record, RecordColumns, text_columns

Item = TypeVar("Item")

MAX_DOCUMENT_SENTENCES = 1_000_000
"""A longer document would not fit into memory, and lacks its blank lines."""
NO_LABEL = "record without a label"
"""Why a record with text is skipped."""


class TextSource(Spec):
    """Text, read as a stream of records."""

    annotations: ClassVar[frozenset[str]] = frozenset()
    """The fields that choose labels or tags; one that is None has no part in the fingerprint."""

    def record_columns(self) -> RecordColumns:
        """Return the columns that its records have. Default: documents of sentences."""
        return DOCUMENTS

    @abstractmethod
    def records(
        self, skip_log: SkipLog | None = None, byte_counter: ByteCounter | None = None
    ) -> Iterator[Record]:
        """Yield the records, in order.

        Args:
            skip_log: Counts what is skipped. Default: not counted.
            byte_counter: Counts what is read from disk. Default: not counted.

        Raises:
            UserError: Text cannot be read, or, at the end, there was none.
        """

    @abstractmethod
    def files_to_read(self) -> tuple[str, ...]:
        """Return the files, in order, with patterns expanded."""

    def fingerprint(self) -> str:
        """Return a hash of the content, and of how it is read; paths do not change it."""
        unset = {name for name in self.annotations if getattr(self, name) is None}
        settings = self.model_dump_json(exclude={"files", *unset})
        return content_hash(self.files_to_read(), settings)

    def stamps(self) -> dict[str, tuple]:
        """Return what shows, later and without reading, that no file was changed."""
        return stamps(self.files_to_read())

    def check_unchanged(self, before: dict[str, tuple]) -> None:
        """Raise `UserError` if the stamps of the files are not those of `before`."""
        now = self.stamps()
        changed = next((file for file in before | now if before.get(file) != now.get(file)), None)
        if changed is not None:
            raise UserError(f"{changed}: was changed while it was read; begin again")

    def check(self) -> None:
        """Raise `UserError` if a file is missing, empty or not text, without reading all of it."""
        check_files(self.files_to_read())

    def total_bytes(self) -> int | None:
        """Return the final count of a `ByteCounter`; None if it is not known."""
        return total_bytes(self.files_to_read())

    def members(self) -> tuple[tuple[float, "TextSource"], ...]:
        """Return the corpora that it consists of, with their weights."""
        return ((1.0, self),)

    def lines(
        self, columns: Iterable[str] | None = None, byte_counter: ByteCounter | None = None
    ) -> Iterator[str]:
        """Yield the lines or sentences of text columns, record after record.

        Args:
            columns: The names of the columns. Default: all that hold text.
            byte_counter: Counts what is read from disk. Default: not counted.
        """
        kinds = text_columns(self.record_columns())
        names = tuple(kinds if columns is None else columns)
        for record in self.records(byte_counter=byte_counter):
            for name in names:
                value = record.columns[name]
                if kinds[name] == "line":
                    yield value
                else:
                    yield from value


def require_any(items: Iterator[Item], files: Sequence[str]) -> Iterator[Item]:
    """Yield the items. Raise `UserError` if there are none."""
    first = next(items, None)
    if first is None:
        others = f" and {len(files) - 1:,} other files" if len(files) > 1 else ""
        raise UserError(f"{files[0]}{others}: there is no text in it")
    yield from chain((first,), items)


def document_too_long(file: str, line: int) -> UserError:
    """Return the error of text in which no blank line separates documents."""
    return UserError(
        f"{file}:{line}: a document of more than {MAX_DOCUMENT_SENTENCES:,} sentences; "
        "a blank line between documents is missing"
    )
