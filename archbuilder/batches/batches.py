"""Batches of training examples. Each batch depends only on the seed and its number."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from archbuilder.batches.batch_sampler import BatchSampler, BatchSize
from archbuilder.objectives.loss_term import TrainingLoss
from archbuilder.text.batch import SEGMENT_IDS, TOKEN_SEQUENCES, Batch, TokenSequence
from archbuilder.text.examples import Examples
from archbuilder.text.vocabulary import Vocabulary

NUM_CHECKED = 32
"""Number of batches that are checked: each loss term must have a scored target in one of them."""


class Batches:
    """The batches of one or more corpora. Any process can create any batch, in any order."""

    def __init__(
        self,
        members: list[tuple[float, Examples]],
        losses: Mapping[str, TrainingLoss],
        vocabularies: Sequence[Vocabulary],
        batch_size: BatchSize,
        seed: int,
        inputs: Collection[str],
    ) -> None:
        """Create the batches.

        Args:
            members: The weight and the examples of each corpus (see `BatchSampler` for the weight).
            losses: The training losses by name. They add targets, and inputs of heads, to a batch.
            vocabularies: The vocabularies of the source and of the target.
            batch_size: The capacity of a batch.
            seed: The seed of all random numbers.
            inputs: The names of the inputs of the backbone.
        """
        self.examples = [examples for _, examples in members]
        self.losses, self.vocabularies = losses, vocabularies
        self.batch_size, self.seed, self.inputs = batch_size, seed, frozenset(inputs)
        lengths = [(weight, examples.lengths) for weight, examples in members]
        self.sampler = BatchSampler(lengths, batch_size, seed)

    def __len__(self) -> int:
        """Return the number of batches per epoch."""
        return len(self.sampler)

    def __getitem__(self, number: int) -> Batch:
        """Return a batch by its number, counted from 0 over all epochs."""
        rng = np.random.default_rng([self.seed, 1, number])
        rows = [
            [self.examples[member].row(index, rng) for member, index in row]
            for row in self.sampler[number]
        ]
        batch = self._collate(rows)
        for name, loss in self.losses.items():
            loss.prepare_batch(name, batch, rng, self.vocabularies[-1])
        return batch

    def without_targets(self) -> list[str]:
        """Return the names of the loss terms whose weights are all 0 in the first batches."""
        names: set[str] | None = None
        for number in range(min(NUM_CHECKED, len(self))):
            targets = self[number].targets
            scored = {name for name, target in targets.items() if target.weights.any()}
            names = (targets.keys() if names is None else names) - scored
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
            width = int(self.batch_size.padded_length(lengths.max()))
            mask = np.arange(width) < lengths[:, None]
            for name in names:
                padding = 0 if name == SEGMENT_IDS else vocabulary.padding_id
                values = np.concatenate([example[name] for row in rows for example in row])
                self._add(batch, name, _fill(mask, values, padding))
            batch.inputs[sequence.padding_mask] = mask.astype("int32")
            if self.batch_size.row_length is not None:
                batch.inputs.update(_packing(sequence, counts, mask))
        token_arrays = {name for names in sides.values() for name in names}
        # The other values are one number per example, and rows are not packed.
        for name in rows[0][0].keys() - token_arrays:
            self._add(batch, name, _to_32_bit(np.array([row[0][name] for row in rows])))
        return batch

    def _add(self, batch: Batch, name: str, array: np.ndarray) -> None:
        """Add an array to the columns or the inputs of a batch, or skip it if it is neither."""
        if name in self.examples[0].columns:
            batch.columns[name] = array
        elif name in self.inputs:
            batch.inputs[name] = array


def pad_rows(rows: list, padding_id: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of token ids as an array, and its padding mask.

    Args:
        rows: The token ids of each row.
        padding_id: The id of the padding token.

    Returns:
        The ids, int32 [B, T], and the mask, int32 [B, T], with 1 for tokens and 0 for padding.
    """
    lengths = np.array([len(row) for row in rows])
    mask = np.arange(lengths.max()) < lengths[:, None]
    return _fill(mask, np.concatenate(rows), padding_id), mask.astype("int32")


def _fill(mask: np.ndarray, values: np.ndarray, padding: int) -> np.ndarray:
    """Return an int32 array with `values` where the mask is true, and `padding` elsewhere."""
    array = np.full(mask.shape, padding, dtype="int32")
    array[mask] = values
    return array


def _to_32_bit(values: np.ndarray) -> np.ndarray:
    """Return integers as int32 and other numbers as float32."""
    return values.astype("int32" if values.dtype.kind in "biu" else "float32")


def _packing(
    sequence: TokenSequence, counts: list[list[int]], mask: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the packing arrays, int32 [B, T]: each token's example number and position."""
    numbers = [np.repeat(np.arange(1, len(row) + 1), row) for row in counts]
    positions = [np.arange(count) for row in counts for count in row]
    return {
        sequence.packing_ids: _fill(mask, np.concatenate(numbers), 0),
        sequence.packing_positions: _fill(mask, np.concatenate(positions), 0),
    }
