"""Where text comes from: documents of sentences, or sentences with their translations."""

import hashlib
from abc import abstractmethod
from collections.abc import Iterator
from itertools import chain, zip_longest
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from archbuilder.language import FilePath, Spec
from archbuilder.mistake import UserMistake


class TextSource(Spec):
    """The interface of corpora."""

    @abstractmethod
    def lines(self) -> Iterator[str]:
        """Every sentence, for the tokenizer to be trained on."""

    @abstractmethod
    def fingerprint(self) -> str:
        """A hash of what is read: equal for equal text."""


def _not_none(files: tuple[str, ...]) -> tuple[str, ...]:
    if not files:
        raise ValueError("must name at least one file")
    return files


class Documents(TextSource):
    """Plain text: a sentence a line, a blank line between documents."""

    type: Literal["documents"]
    files: Annotated[tuple[FilePath, ...], AfterValidator(_not_none)]
    """The files, read one after another."""

    def documents(self) -> Iterator[list[str]]:
        """Each document's sentences; raises `UserMistake` where there are none at all."""
        found = False
        for file in self.files:
            document: list[str] = []
            for line in chain(_read(file), [""]):
                if line:
                    document.append(line)
                elif document:
                    yield document
                    found, document = True, []
        if not found:
            raise UserMistake(f"{', '.join(self.files)}: there is no text in it")

    def lines(self) -> Iterator[str]:
        return (line for document in self.documents() for line in document)

    def fingerprint(self) -> str:
        return _fingerprint(self.files)


class Parallel(TextSource):
    """Parallel text: line i of one file is the translation of line i of the other."""

    type: Literal["parallel"]
    source: FilePath
    """The file to read."""
    target: FilePath
    """The file to write."""

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Source and target lines; a pair with an empty side is left out.

        Raises `UserMistake`, at the end, where the files are of different length.
        """
        found, sources, targets = False, 0, 0
        for source, target in zip_longest(_read(self.source), _read(self.target)):
            sources, targets = sources + (source is not None), targets + (target is not None)
            if source and target:
                yield source, target
                found = True
        if sources != targets:
            raise UserMistake(
                f"{self.source} has {sources:,} lines, {self.target} has {targets:,}: "
                "parallel files need as many"
            )
        if not found:
            raise UserMistake(f"{self.source}: there is no text in it")

    def lines(self) -> Iterator[str]:
        return (line for pair in self.pairs() for line in pair)

    def fingerprint(self) -> str:
        return _fingerprint((self.source, self.target))


class PythonDocs(TextSource):
    """The documentation that CPython carries: English, with documents, and no download."""

    type: Literal["python_docs"]
    split: Literal["train", "validation"] = "train"
    """One document in twenty is for validation, the others are for training."""

    def documents(self) -> Iterator[list[str]]:
        """Each document's sentences."""
        from archbuilder.text.python_docs import documents

        return iter(documents(self.split))

    def lines(self) -> Iterator[str]:
        return (line for document in self.documents() for line in document)

    def fingerprint(self) -> str:
        text = "\n\n".join("\n".join(document) for document in self.documents())
        return hashlib.sha256(text.encode()).hexdigest()


def _read(file: str) -> Iterator[str]:
    """The lines of a text file, stripped; raises `UserMistake` where it cannot be read as text."""
    path = Path(file)
    if path.is_dir():
        raise UserMistake(f"{file}: is a directory, not a text file")
    try:
        with open(path, "rb") as lines:
            begin = 0
            for number, line in enumerate(lines, start=1):
                yield _decoded(line, file, number, begin).strip()
                begin += len(line)
    except OSError as error:
        raise UserMistake(f"{file}: {error.strerror}") from error
    if not path.stat().st_size:
        raise UserMistake(f"{file}: is empty")


def _decoded(line: bytes, file: str, number: int, begin: int) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise UserMistake(
            f"{file}:{number}: not UTF-8 at byte {begin + error.start} of the file"
        ) from error


def _fingerprint(files) -> str:
    digest = hashlib.sha256()
    for file in files:
        try:
            with open(file, "rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
        except OSError as error:
            raise UserMistake(f"{file}: {error.strerror}") from error
    return digest.hexdigest()


Corpus = Annotated[Documents | Parallel | PythonDocs, Field(discriminator="type")]
