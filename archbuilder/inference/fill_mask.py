"""Prediction of masked tokens in lines of text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from archbuilder.batches.batches import pad_rows
from archbuilder.errors import UserError
from archbuilder.inference.task import BATCH_SIZE, Prediction, Task, TaskParts, require_length
from archbuilder.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class TokenProbability:
    """A candidate for a masked token, with its probability between 0 and 1."""

    token: str
    probability: float


@dataclass(frozen=True)
class FilledText(Prediction):
    """A line in which each mask is replaced by a prediction."""

    text: str
    """The line with the most probable token at each mask."""
    masks: tuple[tuple[TokenProbability, ...], ...]
    """The most probable tokens for each mask, in the order of the masks."""

    def to_json(self) -> dict[str, Any]:
        """Return `text`, and in `predictions` a list of candidates for each mask."""
        predictions = [
            [{"token": candidate.token, "probability": candidate.probability} for candidate in mask]
            for mask in self.masks
        ]
        return {"text": self.text, "predictions": predictions}

    def to_text(self, show_candidates: bool = False) -> str:
        """Return the text and, if requested, a line of candidates for each mask."""
        candidates = [
            "    "
            + "  ".join(f"{candidate.token} {candidate.probability:.2f}" for candidate in mask)
            for mask in self.masks
        ]
        return "\n".join([self.text, *(candidates if show_candidates else ())])


class FillMask(Task):
    """Prediction of the masked tokens in a line (Devlin et al., 2018)."""

    name = "fill_mask"

    def __init__(
        self,
        model: "keras.Model",
        vocabulary: Vocabulary,
        output: str,
        positions: str,
        max_length: int | None,
        top_k: int = 5,
        batch_size: int = BATCH_SIZE,
    ) -> None:
        """Create the task.

        Args:
            model: A model with logits, float [B, M, V], for B lines, M masked positions and V
                tokens.
            vocabulary: The vocabulary of the model.
            output: The name of the output with the logits.
            positions: The name of the input with the masked positions, int32 [B, M].
            max_length: Maximum number of tokens in a line, with the start and end tokens. None: no
                limit.
            top_k: Number of candidates for each mask. Default: 5.
            batch_size: Number of lines in a batch. Default: 64.
        """
        self.model, self.vocabulary = model, vocabulary
        self.output, self.positions = output, positions
        self.max_length, self.top_k, self.batch_size = max_length, top_k, batch_size

    @classmethod
    def create(cls, parts: TaskParts, objective: str, top_k: int) -> "FillMask":
        """Return the task for the head of the masked language model objective `objective`."""
        (positions,) = parts.graph.objectives[objective].inputs(objective)
        vocabulary, _ = parts.vocabularies
        return cls(parts.graph.model, vocabulary, objective, positions, parts.max_length, top_k)

    def __call__(self, lines: Sequence[str]) -> Iterator[FilledText]:
        """Yield each line with predictions for its masks.

        Raises:
            UserError: A line is too long or contains no mask.
        """
        vocabulary = self.vocabulary
        encoded = vocabulary.encode(lines, parse_masks=True)
        rows = [[vocabulary.start_id, *ids, vocabulary.end_id] for ids in encoded]
        for number, (row, line) in enumerate(zip(rows, lines, strict=True), start=1):
            require_length(row, self.max_length, number)
            if vocabulary.mask_id not in row:
                raise UserError(f"line {number} has no {vocabulary.mask_token} to fill: {line!r}")
        for start in range(0, len(rows), self.batch_size):
            yield from self.fill(rows[start : start + self.batch_size])

    def fill(self, rows: list[list[int]]) -> Iterator[FilledText]:
        """Yield the text of each row with predictions for its masks.

        Args:
            rows: Token ids of each row, with start and end tokens and at least one mask.
        """
        vocabulary = self.vocabulary
        token_ids, padding_mask = pad_rows(rows, vocabulary.padding_id)
        masked = [np.flatnonzero(row == vocabulary.mask_id) for row in token_ids]
        positions = pad_rows(masked, 0)[0]
        logits = self._logits(token_ids, padding_mask, positions)
        for ids, mask_positions, row_logits in zip(token_ids, masked, logits, strict=True):
            yield self._fill_row(list(ids), mask_positions, row_logits)

    def _logits(
        self, token_ids: np.ndarray, padding_mask: np.ndarray, positions: np.ndarray
    ) -> np.ndarray:  # [B, M, V]
        arrays = {
            "token_ids": token_ids,
            "padding_mask": padding_mask,
            "segment_ids": np.zeros_like(token_ids),
            self.positions: positions,
        }
        names = {tensor.name for tensor in self.model.inputs}
        inputs = {name: array for name, array in arrays.items() if name in names}
        return np.asarray(self.model(inputs, training=False)[self.output], dtype="float64")

    def _fill_row(
        self, ids: list[int], positions: np.ndarray, row_logits: np.ndarray
    ) -> FilledText:
        masks = []
        # `row_logits` may be longer, since rows with fewer masks are padded.
        for position, logits in zip(positions, row_logits, strict=False):
            logits[list(self.vocabulary.special_ids)] = -np.inf
            logits = logits[: self.vocabulary.size]
            probabilities = np.exp(logits - logits.max())
            probabilities /= probabilities.sum()
            best = np.argsort(-probabilities, kind="stable")[: self.top_k]
            ids[position] = int(best[0])
            masks.append(
                tuple(
                    TokenProbability(self.vocabulary.id_to_token(int(i)), float(probabilities[i]))
                    for i in best
                )
            )
        return FilledText(self.vocabulary.decode(ids), tuple(masks))
