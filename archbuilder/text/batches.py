"""Batches: each a pure function of the seed and its number, to be had again at any time."""

from functools import lru_cache

import numpy as np


class Batches:
    """Examples of like length put together, in an order that is drawn afresh for every epoch.

    Examples are sorted by length, equals among them shuffled, and cut where the budget is full; so
    each epoch has the same number of batches, and batch `n` needs no history.
    """

    def __init__(self, examples, objectives: dict, vocabulary, budget, seed: int):
        self.examples, self.objectives, self.vocabulary = examples, objectives, vocabulary
        self.seed = seed
        keys = [examples.lengths[:, column] for column in range(examples.lengths.shape[1])]
        self._sort_keys = keys
        order = np.lexsort(keys)
        self._cuts = cuts(examples.lengths.max(axis=1)[order], budget)
        self._order = lru_cache(maxsize=2)(self._draw_order)

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(self._cuts) - 1

    def __getitem__(self, number: int) -> dict:
        """Batch `number`, counted on through the epochs: a dictionary of numpy arrays."""
        epoch, place = divmod(number, len(self))
        order, shuffled = self._order(epoch)
        place = shuffled[place]
        indices = order[self._cuts[place] : self._cuts[place + 1]]
        random = np.random.default_rng([self.seed, 1, number])
        batch = self.examples.collate(indices, random)
        for name, objective in self.objectives.items():
            objective.corrupt(name, batch, random, self.vocabulary)
        return batch

    def _draw_order(self, epoch: int):
        random = np.random.default_rng([self.seed, 0, epoch])
        ties = random.permutation(len(self.examples.lengths))
        return np.lexsort([ties, *self._sort_keys]), random.permutation(len(self))


def cuts(lengths: np.ndarray, budget) -> np.ndarray:
    """Where rows of `lengths` are cut into batches: at most `budget.examples` rows, or rows times
    the longest of them at most `budget.tokens`; a single row may be over it."""
    found, longest = [0], 0
    for row, length in enumerate(lengths):
        rows, longest = row - found[-1] + 1, max(longest, length)
        full = rows > budget.examples if budget.examples else rows * longest > budget.tokens
        if full and rows > 1:
            found.append(row)
            longest = length
    return np.array([*found, len(lengths)])
