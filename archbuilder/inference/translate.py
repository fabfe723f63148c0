"""Translation of lines."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archbuilder.batches.batches import pad_rows
from archbuilder.inference.greedy import greedy_decode
from archbuilder.inference.task import BATCH_SIZE, Prediction, Task, TaskParts, require_length
from archbuilder.network.backbone import Backbone
from archbuilder.text.vocabulary import Vocabulary

BATCHES_PER_WINDOW = 16
"""Number of consecutive batches whose lines are sorted by length before translation."""


@dataclass(frozen=True)
class Translation(Prediction):
    """The translation of a line."""

    text: str
    """The translated line; empty for an empty line."""

    def to_json(self) -> dict[str, Any]:
        """Return `text`."""
        return {"text": self.text}

    def to_text(self, show_candidates: bool = False) -> str:
        """Return the text."""
        return self.text


class Translate(Task):
    """Translation of lines by greedy decoding."""

    name = "translate"

    def __init__(
        self,
        backbone: Backbone,
        source: Vocabulary,
        target: Vocabulary,
        max_length: int | None,
        batch_size: int = BATCH_SIZE,
    ) -> None:
        """Create the task.

        Args:
            backbone: An encoder-decoder.
            source: The vocabulary of the encoder.
            target: The vocabulary of the decoder.
            max_length: Maximum number of tokens in a line, with the end token, and in its
                translation. None: no limit.
            batch_size: Number of lines in a batch. Default: 64.
        """
        self.backbone, self.source, self.target = backbone, source, target
        self.max_length, self.batch_size = max_length, batch_size

    @classmethod
    def create(cls, parts: TaskParts, objective: str, top_k: int) -> "Translate":
        """Return the task for the decoder; `objective` and `top_k` have no effect."""
        return cls(parts.graph.backbone, *parts.vocabularies, parts.max_length)

    def __call__(self, lines: Sequence[str]) -> Iterator[Translation]:
        """Yield the translation of each line, in order. Empty lines are not decoded."""
        rows = [[*ids, self.source.end_id] for ids in self.source.encode(lines)]
        for number, row in enumerate(rows, start=1):
            require_length(row, self.max_length, number)
        window = BATCHES_PER_WINDOW * self.batch_size
        for start in range(0, len(rows), window):
            indices = range(start, min(start + window, len(rows)))
            targets = self.translate({i: rows[i] for i in indices if lines[i].strip()})
            for i in indices:
                yield Translation(self.target.decode(targets.get(i, [])))

    def translate(self, rows: Mapping[int, list[int]]) -> dict[int, list[int]]:
        """Return the target ids of each row, by the keys of `rows`.

        Rows of similar length are translated in the same batch.

        Args:
            rows: Source ids, with the end token, by the index of the line.
        """
        order = sorted(rows, key=lambda index: len(rows[index]))
        targets: dict[int, list[int]] = {}
        for start in range(0, len(order), self.batch_size):
            indices = order[start : start + self.batch_size]
            generated = self._generate([rows[index] for index in indices])
            targets |= dict(zip(indices, generated, strict=True))
        return targets

    def _generate(self, rows: list[list[int]]) -> list[list[int]]:
        token_ids, padding_mask = pad_rows(rows, self.source.padding_id)
        source = {"encoder_token_ids": token_ids, "encoder_padding_mask": padding_mask}
        # Limit the translation in case the model does not generate an end token.
        limits = [min(2 * len(row) + 10, self.max_length or 2**31) for row in rows]
        return greedy_decode(
            self.backbone, self.backbone.output_projection(), source, self.target, limits
        )
