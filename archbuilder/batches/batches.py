"""Batches: each is a function of the seed and its number only, and can be made at any time."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from archbuilder.batches.batch_sampler import BatchSampler, BatchSize
from archbuilder.objectives.loss_term import TrainingLoss
from archbuilder.text.batch import SEGMENT_IDS, TOKEN_SEQUENCES, Batch, TokenSequence
from archbuilder.text.examples import Examples
from archbuilder.text.vocabulary import Vocabulary

NUM_CHECKED = 32
"""Batches among which each loss term must have a target that counts."""


class Batches:
    """The batches of one or more corpora.

    Batch `n` is the same, whoever makes it and whatever was made before: of several workers, each
    may make every n-th.
    """

    def __init__(
        self,
        parts: list[tuple[float, Examples]],
        losses: Mapping[str, TrainingLoss],
        vocabularies: Sequence[Vocabulary],
        budget: BatchSize,
        seed: int,
        inputs: Collection[str],
    ):
        """Create the batches.

        Args:
            parts: The examples of each corpus with its weight.
            losses: What prepares the batches, by name.
            vocabularies: Those of the source and of the target.
            budget: How much a batch may hold.
            seed: The seed of all random numbers.
            inputs: The names of the inputs of the backbone.
        """
        self.examples = [examples for _, examples in parts]
        self.losses, self.vocabularies = losses, vocabularies
        self.budget, self.seed, self.inputs = budget, seed, frozenset(inputs)
        lengths = [(weight, examples.lengths) for weight, examples in parts]
        self.order = BatchSampler(lengths, budget, seed)

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(self.order)

    def __getitem__(self, number: int) -> Batch:
        """Return batch `number`, which is counted on through the epochs."""
        rng = np.random.default_rng([self.seed, 1, number])
        rows = [
            [self.examples[part].row(index, rng) for part, index in row]
            for row in self.order[number]
        ]
        batch = self._collate(rows)
        for name, loss in self.losses.items():
            loss.prepare_batch(name, batch, rng, self.vocabularies[-1])
        return batch

    def without_targets(self) -> list[str]:
        """Return the names of loss terms for which nothing counts in the first batches."""
        names: set[str] | None = None
        for number in range(min(NUM_CHECKED, len(self))):
            targets = self[number].targets
            counting = {name for name, target in targets.items() if target.weights.any()}
            names = (targets.keys() if names is None else names) - counting
            if not names:
                break
        return sorted(names or ())

    def _collate(self, rows: list[list[dict]]) -> Batch:
        batch = Batch({}, {}, {})
        sides = self.examples[0].sides
        for (prefix, names), vocabulary in zip(sides.items(), self.vocabularies, strict=False):
            sequence = TOKEN_SEQUENCES[prefix]
            counts = [[len(example[names[0]]) for example in row] for row in rows]
            lengths = np.array([sum(row) for row in counts])
            width = int(self.budget.padded(lengths.max()))
            mask = np.arange(width) < lengths[:, None]
            for name in names:
                padding = 0 if name == SEGMENT_IDS else vocabulary.padding_id
                values = np.concatenate([example[name] for row in rows for example in row])
                self._add(batch, name, _filled(mask, values, padding))
            batch.inputs[sequence.padding_mask] = mask.astype("int32")
            if self.budget.row_length is not None:
                batch.inputs.update(_packing(sequence, counts, mask))
        arrays = {name for names in sides.values() for name in names}
        for name in rows[0][0].keys() - arrays:  # One for each example, of which a row has one.
            self._add(batch, name, _narrow(np.array([row[0][name] for row in rows])))
        return batch

    def _add(self, batch: Batch, name: str, array: np.ndarray) -> None:
        """Add an array of the examples; one that nobody reads is left out."""
        if name in self.examples[0].columns:
            batch.columns[name] = array
        elif name in self.inputs:
            batch.inputs[name] = array


def padded(rows: list, padding_id: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of ids as int32 [B, T], and int32 [B, T] with 1 at real tokens and 0 at padding."""
    lengths = np.array([len(row) for row in rows])
    mask = np.arange(lengths.max()) < lengths[:, None]
    return _filled(mask, np.concatenate(rows), padding_id), mask.astype("int32")


def _filled(mask: np.ndarray, values: np.ndarray, padding: int) -> np.ndarray:
    array = np.full(mask.shape, padding, dtype="int32")
    array[mask] = values
    return array


def _narrow(values: np.ndarray) -> np.ndarray:
    """Return integers as int32 and other numbers as float32."""
    return values.astype("int32" if values.dtype.kind in "biu" else "float32")


def _packing(
    sequence: TokenSequence, counts: list[list[int]], mask: np.ndarray
) -> dict[str, np.ndarray]:
    """Return for each token the number of its example in the row, from 1, and its position."""
    numbers = [np.repeat(np.arange(1, len(row) + 1), row) for row in counts]
    positions = [np.arange(count) for row in counts for count in row]
    return {
        sequence.packing_ids: _filled(mask, np.concatenate(numbers), 0),
        sequence.packing_positions: _filled(mask, np.concatenate(positions), 0),
    }
