"""Classify lines of text."""

from dataclasses import dataclass

import numpy as np

from archbuilder.batches.batches import pad_rows
from archbuilder.inference.task import BATCH_SIZE, Prediction, Task, require_length


@dataclass(frozen=True)
class ClassifiedText(Prediction):
    """The most probable label of a line."""

    label: str
    probability: float

    def to_json(self):
        return {"label": self.label, "probability": self.probability}

    def to_text(self, show_candidates=False):
        return self.label


class Classify(Task):
    """Predict the label of a line."""

    name = "classify"

    def __init__(self, parts, objective):
        self.model, self.objective = parts.graph.model, objective
        self.labels = parts.graph.objectives[objective].labels
        self.vocabulary, self.max_length = parts.vocabularies[0], parts.max_length

    @classmethod
    def create(cls, parts, objective, top_k):
        return cls(parts, objective)

    def __call__(self, lines):
        vocabulary = self.vocabulary
        rows = [[vocabulary.start_id, *ids, vocabulary.end_id] for ids in vocabulary.encode(lines)]
        for number, row in enumerate(rows, start=1):
            require_length(row, self.max_length, number)
        for first in range(0, len(rows), BATCH_SIZE):
            for logits in self._logits(rows[first : first + BATCH_SIZE]):
                probabilities = np.exp(logits - logits.max())
                probabilities /= probabilities.sum()
                best = int(probabilities.argmax())
                yield ClassifiedText(self.labels[best], float(probabilities[best]))

    def _logits(self, rows):  # [B, C]
        token_ids, padding_mask = pad_rows(rows, self.vocabulary.padding_id)
        inputs = {"token_ids": token_ids, "padding_mask": padding_mask}
        inputs["segment_ids"] = np.zeros_like(token_ids)
        return np.asarray(self.model(inputs, training=False)[self.objective], dtype="float64")
