"""Mixture of several corpora."""

import hashlib
from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from typing_extensions import override

from archbuilder.language import Spec
from archbuilder.text.corpus.arrow import HuggingFace, Parquet
from archbuilder.text.corpus.columns import Columns
from archbuilder.text.corpus.corpus import TextSource
from archbuilder.text.corpus.delimited import Csv, Tsv
from archbuilder.text.corpus.documents import Documents, Lines
from archbuilder.text.corpus.json_lines import JsonLines
from archbuilder.text.corpus.line_reader import ByteCounter
from archbuilder.text.corpus.parallel import Parallel
from archbuilder.text.corpus.python_docs import PythonDocs
from archbuilder.text.corpus.skip_log import SkipLog
from archbuilder.text.record import Record, RecordColumns, quoted_names, record_unit, text_columns

SingleCorpus = (
    Documents
    | Lines
    | Parallel
    | Tsv
    | Csv
    | JsonLines
    | Parquet
    | HuggingFace
    | Columns
    | PythonDocs
)


class MixtureMember(Spec):
    """Corpus of a mixture, with its weight."""

    corpus: Annotated[SingleCorpus, Field(discriminator="type")]
    """Corpus, of any type except `mixture`."""
    weight: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """Average number of times that each example occurs in an epoch. For example, with 2.5 each
    example occurs twice, and a different half of the examples occurs a third time, in each
    epoch."""


def _with_equal_columns(members: tuple[MixtureMember, ...]) -> tuple[MixtureMember, ...]:
    if not members:
        raise ValueError("must contain at least one corpus")
    first, *others = (member.corpus.record_columns() for member in members)
    for index, columns in enumerate(others, start=1):
        if text_columns(columns) != text_columns(first):
            raise ValueError(
                f"cannot mix documents and pairs: corpora[0] has {record_unit(first)}, "
                f"corpora[{index}] has {record_unit(columns)}"
            )
        if columns != first:
            raise ValueError(
                "the corpora of a mixture must have the same columns: corpora[0] has "
                f"{quoted_names(first)}, corpora[{index}] has {quoted_names(columns)}"
            )
    return members


class Mixture(TextSource):
    """Several corpora with the same columns, each with a weight."""

    type: Literal["mixture"]
    corpora: Annotated[tuple[MixtureMember, ...], AfterValidator(_with_equal_columns)]
    """Corpora to mix. All must have the same columns: all documents, or all pairs."""

    @override
    def record_columns(self) -> RecordColumns:
        return self.corpora[0].corpus.record_columns()

    @override
    def records(
        self, skip_log: SkipLog | None = None, byte_counter: ByteCounter | None = None
    ) -> Iterator[Record]:
        """Yield the records of each corpus, one corpus after another. Weights have no effect."""
        return chain.from_iterable(
            member.corpus.records(skip_log, byte_counter) for member in self.corpora
        )

    @override
    def members(self) -> tuple[tuple[float, TextSource], ...]:
        return tuple((member.weight, member.corpus) for member in self.corpora)

    @override
    def files_to_read(self) -> tuple[str, ...]:
        return tuple(file for member in self.corpora for file in member.corpus.files_to_read())

    @override
    def check(self) -> None:
        for member in self.corpora:
            member.corpus.check()

    @override
    def total_bytes(self) -> int | None:
        total = 0
        for member in self.corpora:
            size = member.corpus.total_bytes()
            if size is None:
                return None
            total += size
        return total

    @override
    def fingerprint(self) -> str:
        """Return a hash of the content of all corpora. Weights have no effect on it."""
        hashes = " ".join([self.type, *(member.corpus.fingerprint() for member in self.corpora)])
        return hashlib.sha256(hashes.encode()).hexdigest()
