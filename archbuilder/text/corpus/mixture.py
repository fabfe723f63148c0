"""Several corpora read as one."""

import hashlib
from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from archbuilder.language import Spec
from archbuilder.text.corpus.arrow import HuggingFace, Parquet
from archbuilder.text.corpus.columns import Columns
from archbuilder.text.corpus.corpus import Form, TextSource
from archbuilder.text.corpus.delimited import Csv, Tsv
from archbuilder.text.corpus.documents import Documents, Lines
from archbuilder.text.corpus.json_lines import JsonLines
from archbuilder.text.corpus.parallel import Parallel
from archbuilder.text.corpus.python_docs import PythonDocs
from archbuilder.text.corpus.reading import Reading

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


class Part(Spec):
    """A corpus with its share in a mixture."""

    corpus: Annotated[SingleCorpus, Field(discriminator="type")]
    """The text."""
    weight: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """Times that each of its examples stands in an epoch; of a fraction, another part is drawn
    each epoch."""


def _of_one_form(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    if not parts:
        raise ValueError("must hold at least one corpus")
    forms = [part.corpus.form for part in parts]
    other = next((place for place, form in enumerate(forms) if form != forms[0]), None)
    if other is not None:
        raise ValueError(
            f"a mixture is of documents or of pairs: corpora[0] has {forms[0]}, "
            f"corpora[{other}] has {forms[other]}"
        )
    return parts


class Mixture(TextSource):
    """Several corpora of one form, each with its weight."""

    type: Literal["mixture"]
    corpora: Annotated[tuple[Part, ...], AfterValidator(_of_one_form)]
    """The corpora, all of documents or all of pairs."""

    @property
    def form(self) -> Form:
        """That of its corpora."""
        return self.corpora[0].corpus.form

    def documents(self, reading: Reading | None = None) -> Iterator[list[str]]:
        """The documents of all, one corpus after another, whatever their weights."""
        reading = reading or Reading()
        return chain.from_iterable(part.corpus.documents(reading) for part in self.corpora)

    def pairs(self, reading: Reading | None = None) -> Iterator[tuple[str, str]]:
        """The pairs of all, one corpus after another, whatever their weights."""
        reading = reading or Reading()
        return chain.from_iterable(part.corpus.pairs(reading) for part in self.corpora)

    def parts(self) -> tuple[tuple[float, TextSource], ...]:
        return tuple((part.weight, part.corpus) for part in self.corpora)

    def files_to_read(self) -> tuple[str, ...]:
        return tuple(file for part in self.corpora for file in part.corpus.files_to_read())

    def check(self) -> None:
        for part in self.corpora:
            part.corpus.check()

    def total_bytes(self) -> int | None:
        found = [part.corpus.total_bytes() for part in self.corpora]
        return None if None in found else sum(size for size in found if size is not None)

    def fingerprint(self) -> str:
        """As of every corpus; weights do not change what is read."""
        found = " ".join([self.type, *(part.corpus.fingerprint() for part in self.corpora)])
        return hashlib.sha256(found.encode()).hexdigest()
