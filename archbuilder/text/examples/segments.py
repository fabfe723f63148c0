"""Segments: runs of sentences as they stand in a document."""

from typing import ClassVar

import numpy as np

from archbuilder.text.examples.documents import runs
from archbuilder.text.examples.examples import Examples, Limits


class Segments(Examples):
    """Runs of sentences of one document, as many as fit: start, tokens, end.

    Liu et al., 2019, section 4.2, "DOC-SENTENCES".
    """

    form = "documents"
    overlong = ("split", "truncate", "drop", "refuse")
    sides: ClassVar = {"": ("token_ids", "segment_ids")}

    def __init__(self, documents, vocabularies, limits: Limits):
        self.documents, self.vocabulary = documents, vocabularies[0]
        self.begins, tokens, self.left_out = runs(documents, limits.sequence_length - 2, limits)
        self.lengths = (tokens + 2)[:, None].astype("int32")

    def row(self, index, random):
        begin, tokens = self.begins[index], self.lengths[index, 0] - 2
        ids = self.documents.ids[begin : begin + tokens]
        token_ids = np.concatenate([[self.vocabulary.start_id], ids, [self.vocabulary.end_id]])
        return {"token_ids": token_ids, "segment_ids": np.zeros_like(token_ids)}
