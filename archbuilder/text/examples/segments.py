"""Segments of documents."""

from typing import Any, ClassVar

import numpy as np
from typing_extensions import override

from archbuilder.text.examples.documents import sentence_runs
from archbuilder.text.examples.examples import Examples, Limits
from archbuilder.text.record import DOCUMENTS
from archbuilder.text.token_store import Tokens
from archbuilder.text.vocabulary import Vocabulary


class Segments(Examples):
    """Examples of as many consecutive sentences of a document as fit: start, tokens, end.

    Liu et al., 2019, section 4.2, "DOC-SENTENCES".
    """

    needs = DOCUMENTS
    overlong = ("split", "truncate", "drop", "refuse")
    sides: ClassVar = {"": ("token_ids", "segment_ids")}

    @override
    def __init__(
        self, tokens: Tokens, vocabularies: tuple[Vocabulary, Vocabulary], limits: Limits
    ) -> None:
        self.text, (self.vocabulary, _) = tokens.sentences, vocabularies
        self.starts, counts, self.skipped = sentence_runs(
            self.text, limits.sequence_length - 2, limits
        )
        self.lengths = (counts + 2)[:, None].astype("int32")

    @override
    def row(self, index: int, random: "np.random.Generator") -> dict[str, Any]:
        start, tokens = self.starts[index], self.lengths[index, 0] - 2
        ids = self.text.ids[start : start + tokens]
        token_ids = np.concatenate([[self.vocabulary.start_id], ids, [self.vocabulary.end_id]])
        return {"token_ids": token_ids, "segment_ids": np.zeros_like(token_ids)}
