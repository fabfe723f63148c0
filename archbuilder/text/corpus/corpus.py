"""The interface of corpora: documents of sentences, or sentences with their translations."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal, TypeVar

from archbuilder.errors import UserError
from archbuilder.language import Spec
from archbuilder.text.corpus.reading import (
    Reading,
    check_files,
    content_hash,
    stamps,
    total_bytes,
)

Form = Literal["documents", "pairs"]
Item = TypeVar("Item")

LONGEST_DOCUMENT = 1_000_000
"""Sentences: a longer one would not fit into memory, and lacks its blank lines."""


class TextSource(Spec):
    """Text, read as a stream: a corpus has `documents` or `pairs`, as its `form` says."""

    form: ClassVar[Form] = "documents"

    def documents(self, reading: Reading | None = None) -> Iterator[list[str]]:
        """Each document's sentences, if that is the form; `reading` follows what is read.

        Raises `UserError` at what cannot be read, and at the end if there was no text at all.
        """
        raise NotImplementedError

    def pairs(self, reading: Reading | None = None) -> Iterator[tuple[str, str]]:
        """Sources and their targets, if that is the form; otherwise as `documents`."""
        raise NotImplementedError

    @abstractmethod
    def files_to_read(self) -> tuple[str, ...]:
        """The files, in order, with patterns expanded."""

    def fingerprint(self) -> str:
        """A hash of what is read, and how: equal for equal content, wherever it lies."""
        return content_hash(self.files_to_read(), self.model_dump_json(exclude={"files"}))

    def stamps(self) -> dict[str, tuple]:
        """What shows by and by that no file was changed: by `check_unchanged`."""
        return stamps(self.files_to_read())

    def check_unchanged(self, before: dict[str, tuple]) -> None:
        """Raise `UserError` if a file has another stamp than `before`, or none, or had none."""
        now = self.stamps()
        changed = next((file for file in before | now if before.get(file) != now.get(file)), None)
        if changed is not None:
            raise UserError(f"{changed}: was changed while it was read; begin again")

    def check(self) -> None:
        """Raise `UserError` if a file is missing, empty or no text, without reading it all."""
        check_files(self.files_to_read())

    def total_bytes(self) -> int | None:
        """What `Reading.bytes` comes to in the end, or None where that is not known."""
        return total_bytes(self.files_to_read())

    def parts(self) -> tuple[tuple[float, "TextSource"], ...]:
        """The corpora in it with their weights."""
        return ((1.0, self),)

    def lines(self, reading: Reading | None = None) -> Iterator[str]:
        """Every sentence of every document, or both sides of every pair."""
        items = self.pairs(reading) if self.form == "pairs" else self.documents(reading)
        return (line for item in items for line in item)

    def source_lines(self, reading: Reading | None = None) -> Iterator[str]:
        """The sources of the pairs."""
        return (source for source, _ in self.pairs(reading))

    def target_lines(self, reading: Reading | None = None) -> Iterator[str]:
        """The targets of the pairs."""
        return (target for _, target in self.pairs(reading))


def some(items: Iterator[Item], files: Sequence[str]) -> Iterator[Item]:
    """The items; raises `UserError` where there are none."""
    found = False
    for item in items:
        found = True
        yield item
    if not found:
        others = f" and {len(files) - 1:,} other files" if len(files) > 1 else ""
        raise UserError(f"{files[0]}{others}: there is no text in it")


def too_long_a_document(file: str, line: int) -> UserError:
    """The mistake of text in which nothing parts documents."""
    return UserError(
        f"{file}:{line}: a document of more than {LONGEST_DOCUMENT:,} sentences; "
        "a blank line between documents is missing"
    )
