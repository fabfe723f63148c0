"""Pair of the vocabularies of source and target."""

from collections.abc import Iterable
from typing import NamedTuple

from archbuilder.text.record import TARGET
from archbuilder.text.vocabulary import Vocabulary


class Vocabularies(NamedTuple):
    """Vocabularies of source and target, often the same; documents use the source's."""

    source: Vocabulary
    target: Vocabulary

    def by_column(self, columns: Iterable[str]) -> dict[str, Vocabulary]:
        """Return the vocabulary of each text column."""
        return {name: self.target if name == TARGET else self.source for name in columns}
