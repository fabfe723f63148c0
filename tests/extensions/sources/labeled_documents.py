"""Documents with labels, as single sequences."""

from typing import ClassVar

import numpy as np

from archbuilder.text.examples.examples import Examples, require_any, skipped_overlong
from archbuilder.text.record import LABEL, TEXT


class LabeledDocuments(Examples):
    """Examples of a document and its label: start token, truncated document, end token."""

    needs: ClassVar = {TEXT: "sentences", LABEL: "label"}
    overlong = ("truncate", "drop", "refuse")
    sides: ClassVar = {"": ("token_ids", "segment_ids")}
    columns = (LABEL,)

    def __init__(self, tokens, vocabularies, limits):
        self.text, self.labels = tokens.sentences, tokens.labels[LABEL]
        self.vocabulary, _ = vocabularies
        self.starts = self.text.offsets[:][self.text.documents[:]]
        counts = np.diff(self.starts) + 2
        is_overlong = counts > limits.sequence_length
        self.skipped = skipped_overlong(int(is_overlong.sum()), "documents", limits)
        used = np.ones_like(is_overlong) if limits.overlong == "truncate" else ~is_overlong
        require_any(int(used.sum()), limits)
        self.records = np.flatnonzero(used)
        lengths = np.minimum(counts[self.records], limits.sequence_length)
        self.lengths = lengths[:, None].astype("int32")

    def row(self, index, random):
        record = int(self.records[index])
        start, count = int(self.starts[record]), int(self.lengths[index, 0]) - 2
        ids = self.text.ids[start : start + count]
        token_ids = np.concatenate([[self.vocabulary.start_id], ids, [self.vocabulary.end_id]])
        segment_ids = np.zeros_like(token_ids)
        return {"token_ids": token_ids, "segment_ids": segment_ids, LABEL: self.labels[record]}
