"""The vocabularies of a model's text: one for the source and one for the target."""

from collections.abc import Iterable
from typing import NamedTuple

from archbuilder.text.record import TARGET
from archbuilder.text.vocabulary import Vocabulary


class Vocabularies(NamedTuple):
    """The vocabularies of source and target, often the same one; documents are a source."""

    source: Vocabulary
    target: Vocabulary

    def by_column(self, columns: Iterable[str]) -> dict[str, Vocabulary]:
        """Return the vocabulary of each text column."""
        return {name: self.target if name == TARGET else self.source for name in columns}
