"""Documents with a label each, as single sequences."""

from typing import ClassVar

import numpy as np

from archbuilder.text.examples.examples import Examples, require_any, skipped_overlong
from archbuilder.text.record import LABEL, TEXT


class LabeledDocuments(Examples):
    """A document, truncated to fit, and its label: start, tokens, end."""

    needs: ClassVar = {TEXT: "sentences", LABEL: "label"}
    overlong = ("truncate", "drop", "refuse")
    sides: ClassVar = {"": ("token_ids", "segment_ids")}
    columns = (LABEL,)

    def __init__(self, tokens, vocabularies, limits):
        self.text, self.labels = tokens.sentences, tokens.labels[LABEL]
        self.vocabulary, _ = vocabularies
        self.starts = self.text.offsets[:][self.text.documents[:]]
        counts = np.diff(self.starts) + 2
        over = counts > limits.sequence_length
        self.skipped = skipped_overlong(int(over.sum()), "documents", limits)
        kept = over == over if limits.overlong == "truncate" else ~over
        require_any(int(kept.sum()), limits)
        self.records = np.flatnonzero(kept)
        lengths = np.minimum(counts[self.records], limits.sequence_length)
        self.lengths = lengths[:, None].astype("int32")

    def row(self, index, random):
        record = int(self.records[index])
        start, count = int(self.starts[record]), int(self.lengths[index, 0]) - 2
        ids = self.text.ids[start : start + count]
        token_ids = np.concatenate([[self.vocabulary.start_id], ids, [self.vocabulary.end_id]])
        segment_ids = np.zeros_like(token_ids)
        return {"token_ids": token_ids, "segment_ids": segment_ids, LABEL: self.labels[record]}
