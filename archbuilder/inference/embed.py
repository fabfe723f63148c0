"""Sentence embeddings: a vector for each line of text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from archbuilder.batches.batches import pad_rows
from archbuilder.inference.task import BATCH_SIZE, Prediction, Task, TaskParts, require_length
from archbuilder.network.backbone import Backbone
from archbuilder.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class Embedding(Prediction):
    """The embedding of a line, a vector with Euclidean norm 1."""

    vector: tuple[float, ...]
    """The vector; its length is `hidden_dim` of the encoder."""

    def to_json(self) -> dict[str, Any]:
        """Return `vector`, a list of numbers."""
        return {"vector": list(self.vector)}

    def to_text(self, show_candidates: bool = False) -> str:
        """Return the numbers, separated by spaces."""
        return " ".join(f"{number:.6g}" for number in self.vector)


class Embed(Task):
    """Sentence embedding by mean pooling (Sentence-BERT; Reimers and Gurevych, 2019).

    The output vectors of all tokens of a line, with the start and end tokens, are averaged and
    scaled to Euclidean norm 1.
    """

    name = "embed"

    def __init__(
        self,
        backbone: Backbone,
        vocabulary: Vocabulary,
        max_length: int | None,
        batch_size: int = BATCH_SIZE,
    ) -> None:
        """Create the task.

        Args:
            backbone: An encoder.
            vocabulary: The vocabulary of the encoder.
            max_length: Maximum number of tokens in a line, with the start and end tokens. None: no
                limit.
            batch_size: Number of lines in a batch. Default: 64.
        """
        self.backbone, self.vocabulary = backbone, vocabulary
        self.max_length, self.batch_size = max_length, batch_size

    @classmethod
    def create(cls, parts: TaskParts, objective: str, top_k: int) -> "Embed":
        """Return the task for the backbone; `objective` and `top_k` have no effect."""
        return cls(parts.graph.backbone, parts.vocabularies[0], parts.max_length)

    def __call__(self, lines: Sequence[str]) -> Iterator[Embedding]:
        """Yield the embedding of each line."""
        start, end = self.vocabulary.start_id, self.vocabulary.end_id
        rows = [[start, *ids, end] for ids in self.vocabulary.encode(lines)]
        for number, row in enumerate(rows, start=1):
            require_length(row, self.max_length, number)
        for first in range(0, len(rows), self.batch_size):
            for vector in self._vectors(rows[first : first + self.batch_size]):
                yield Embedding(tuple(vector.tolist()))

    def _vectors(self, rows: list[list[int]]) -> np.ndarray:  # [B, D]
        token_ids, padding_mask = pad_rows(rows, self.vocabulary.padding_id)
        has_segments = self.backbone.config.embeddings.num_segments
        segment_ids = np.zeros_like(token_ids) if has_segments else None
        encoded = self.backbone.encode(token_ids, padding_mask, segment_ids)
        vectors = np.asarray(encoded) * padding_mask[:, :, None]
        means = vectors.sum(axis=1) / padding_mask.sum(axis=1, keepdims=True)
        return means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
