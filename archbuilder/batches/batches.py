"""Batches: each a pure function of the seed and its number, to be had again at any time."""

import numpy as np

from archbuilder.batches.batch_sampler import BatchSampler, BatchSize
from archbuilder.text.examples import Examples

LOOKED_AT = 32
"""Batches in which there must be something to guess."""


class Batches:
    """The batches of one or more corpora.

    `parts` are each corpus's examples with its weight; `vocabularies` those of the source and of
    the target. Batch `n` is the same whoever draws it, whatever was drawn before: workers may take
    every so many-th.
    """

    def __init__(
        self,
        parts: list[tuple[float, Examples]],
        objectives: dict,
        vocabularies,
        budget: BatchSize,
        seed: int,
    ):
        self.examples = [examples for _, examples in parts]
        self.objectives, self.vocabularies = objectives, vocabularies
        self.budget, self.seed = budget, seed
        lengths = [(weight, examples.lengths) for weight, examples in parts]
        self.order = BatchSampler(lengths, budget, seed)

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(self.order)

    def __getitem__(self, number: int) -> dict:
        """Batch `number`, counted on through the epochs: a dictionary of numpy arrays."""
        random = np.random.default_rng([self.seed, 1, number])
        rows = [
            [self.examples[part].row(index, random) for part, index in row]
            for row in self.order[number]
        ]
        batch = self._collate(rows)
        for name, objective in self.objectives.items():
            objective.corrupt(name, batch, random, self.vocabularies[-1])
        return batch

    def idle(self) -> list[str]:
        """What is scored of which the first batches have nothing to guess."""
        names: set[str] | None = None
        for number in range(min(LOOKED_AT, len(self))):
            batch = self[number]
            asked = {key for key in batch if key.endswith("_weights") and batch[key].any()}
            names = {key for key in names or batch if key.endswith("_weights")} - asked
            if not names:
                break
        return sorted(key.removesuffix("_weights") for key in names or ())

    def _collate(self, rows: list[list[dict]]) -> dict:
        batch = {}
        sides = self.examples[0].sides
        for (prefix, names), vocabulary in zip(sides.items(), self.vocabularies, strict=False):
            counts = [[len(one[names[0]]) for one in row] for row in rows]
            lengths = np.array([sum(row) for row in counts])
            width = int(self.budget.padded(lengths.max()))
            mask = np.arange(width) < lengths[:, None]
            for name in names:
                padding = 0 if name == "segment_ids" else vocabulary.padding_id
                values = [one[name] for row in rows for one in row]
                batch[name] = _filled(mask, np.concatenate(values), padding)
            batch[f"{prefix}padding_mask"] = mask.astype("int32")
            if self.budget.row_length is not None:
                batch |= _packing(prefix, counts, mask)
        arrays = {name for names in sides.values() for name in names}
        for name in rows[0][0].keys() - arrays:  # One for each example, of which a row has one.
            batch[name] = np.array([row[0][name] for row in rows], dtype="int32")
        return batch


def padded(rows: list, padding_id: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of ids as int32 [B, T], and int32 [B, T] with 1 at real tokens and 0 at padding."""
    lengths = np.array([len(row) for row in rows])
    mask = np.arange(lengths.max()) < lengths[:, None]
    return _filled(mask, np.concatenate(rows), padding_id), mask.astype("int32")


def _filled(mask: np.ndarray, values: np.ndarray, padding: int) -> np.ndarray:
    found = np.full(mask.shape, padding, dtype="int32")
    found[mask] = values
    return found


def _packing(prefix: str, counts: list[list[int]], mask: np.ndarray) -> dict:
    """For each token, which example of its row it belongs to, from 1 on, and its place in that."""
    numbers = [np.repeat(np.arange(1, len(row) + 1), row) for row in counts]
    places = [np.arange(count) for row in counts for count in row]
    return {
        f"{prefix}packing_ids": _filled(mask, np.concatenate(numbers), 0),
        f"{prefix}packing_positions": _filled(mask, np.concatenate(places), 0),
    }
