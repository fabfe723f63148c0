"""Interface of corpora: streams of records with named columns."""

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
"""Maximum number of sentences of a document; a longer one lacks its blank lines."""
NO_LABEL = "record without a label"
"""Reason for skipping a record that has text."""


class TextSource(Spec):
    """Corpus: text that is read as a stream of records."""

    annotations: ClassVar[frozenset[str]] = frozenset()
    """Names of the fields that select labels or tags; unset ones do not change the fingerprint."""

    def record_columns(self) -> RecordColumns:
        """Return the columns of the records. The default implementation returns `DOCUMENTS`."""
        return DOCUMENTS

    @abstractmethod
    def records(
        self, skip_log: SkipLog | None = None, byte_counter: ByteCounter | None = None
    ) -> Iterator[Record]:
        """Yield the records, in order.

        Args:
            skip_log: Counts skipped text. Default: not counted.
            byte_counter: Counts the bytes read from disk. Default: not counted.

        Raises:
            UserError: The text cannot be read, or there is none.
        """

    @abstractmethod
    def files_to_read(self) -> tuple[str, ...]:
        """Return the names of the files, in order, with patterns expanded."""

    def fingerprint(self) -> str:
        """Return a hash of the content and of the settings for reading it, but not of paths."""
        unset = {name for name in self.annotations if getattr(self, name) is None}
        settings = self.model_dump_json(exclude={"files", *unset})
        return content_hash(self.files_to_read(), settings)

    def stamps(self) -> dict[str, tuple]:
        """Return the size and modification time of each file, to detect later changes."""
        return stamps(self.files_to_read())

    def check_unchanged(self, before: dict[str, tuple]) -> None:
        """Raise `UserError` if the stamps of the files differ from `before`."""
        now = self.stamps()
        changed = next((file for file in before | now if before.get(file) != now.get(file)), None)
        if changed is not None:
            raise UserError(f"{changed}: changed while it was read; run the command again")

    def check(self) -> None:
        """Raise `UserError` if a file is missing, empty or not text; only its start is read."""
        check_files(self.files_to_read())

    def total_bytes(self) -> int | None:
        """Return the number of bytes on disk, as `ByteCounter` counts them; None if unknown."""
        return total_bytes(self.files_to_read())

    def members(self) -> tuple[tuple[float, "TextSource"], ...]:
        """Return the corpora of a mixture with their weights; a single corpus has weight 1."""
        return ((1.0, self),)

    def lines(
        self, columns: Iterable[str] | None = None, byte_counter: ByteCounter | None = None
    ) -> Iterator[str]:
        """Yield the lines or sentences of the text columns of each record.

        Args:
            columns: The names of the columns. Default: all text columns.
            byte_counter: Counts the bytes read from disk. Default: not counted.
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
        raise UserError(f"{files[0]}{others}: contains no text")
    yield from chain((first,), items)


def document_too_long(file: str, line: int) -> UserError:
    """Return the error for a document that lacks blank lines."""
    return UserError(
        f"{file}:{line}: document has more than {MAX_DOCUMENT_SENTENCES:,} sentences; "
        "separate documents by blank lines"
    )
