"""Which examples stand together: rows, batches of rows, and their order, drawn for every epoch.

What has the same length in every epoch is settled once: places for examples, by length; rows, of
one place each or packed from several; batches, of rows of like length. Which example takes which
place of its length, and in what order the batches come, is drawn afresh for every epoch.
"""

from array import array
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

LOOKS = 64
"""Rows that are looked at for one that an example of several sides fits into."""


@dataclass(frozen=True)
class BatchSize:
    """How much a batch may hold: `tokens`, padding included and of the longer side, or `rows`."""

    tokens: int | None
    rows: int | None
    row_length: int | None = None
    """Tokens that a row has room for where examples are packed; None where they are not."""
    multiple: int = 1
    """Rows are padded to a multiple of so many tokens ..."""
    longest: int | None = None
    """... or to this, where that is less."""

    def padded(self, length: Any) -> Any:
        """Return the padded length of rows of `length` tokens, or that of each of an array."""
        if self.longest is None:
            return -(-length // self.multiple) * self.multiple
        multiple = min(self.multiple, self.longest)  # A larger one may be larger than numbers are.
        return np.minimum(-(-length // multiple) * multiple, self.longest)

    def most_rows(self, length: int) -> int:
        """The most rows of `length` tokens that a batch may hold."""
        return self.rows or max((self.tokens or 0) // length, 1)


class BatchSampler:
    """The batches of every epoch, as indices of examples.

    `parts` are the lengths [N, sides] of each corpus's examples with its weight: how often each of
    them stands in an epoch. Of a fraction, another part is drawn each epoch.
    """

    def __init__(self, parts: list[tuple[float, np.ndarray]], budget: BatchSize, seed: int):
        self.seed = seed
        self._lengths = [lengths for _, lengths in parts]
        places = [_places(weight, lengths) for weight, lengths in parts]
        self._counts = [len(lengths) for lengths in places]
        self._part = np.repeat(np.arange(len(parts), dtype="int16"), self._counts)
        self._place = np.concatenate([np.arange(count, dtype="int32") for count in self._counts])
        lengths = np.concatenate(places)
        if len(parts) > 1:
            by_length = _sorted(lengths)
            lengths = lengths[by_length]
            self._part, self._place = self._part[by_length], self._place[by_length]
        del places
        self._places, self._rows, self._tokens = _rows(lengths, budget.row_length)
        self._batches = _cuts(self._tokens.max(axis=1), budget)
        self._budget = budget
        self._draw = lru_cache(maxsize=2)(self._drawn)

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(self._batches) - 1

    def __getitem__(self, number: int) -> list[list[tuple[int, int]]]:
        """The rows of a batch, each the (part, index) of its examples; counted on over epochs."""
        epoch, place = divmod(number, len(self))
        examples, batches = self._draw(epoch)
        first, last = self._batches[batches[place] : batches[place] + 2]
        rows = []
        for begin, end in zip(
            self._rows[first:last], self._rows[first + 1 : last + 1], strict=True
        ):
            places = self._places[begin:end]
            rows.append(
                list(zip(self._part[places].tolist(), examples[places].tolist(), strict=True))
            )
        return rows

    def examples(self) -> int:
        """Examples of an epoch, each as often as it stands there."""
        return sum(self._counts)

    def tokens(self) -> int:
        """Tokens of an epoch, padding not counted; of all sides. Of fractions, of the first."""
        return int(self._in_first_epoch().sum(dtype="int64"))

    def padding(self) -> float:
        """The share of padding in an epoch's batches; of the first, where they differ."""
        tokens = self._in_first_epoch()
        longest = np.maximum.reduceat(tokens, self._batches[:-1])  # [batches, sides]
        rows = np.diff(self._batches)[:, None]
        whole = (rows * self._budget.padded(longest)).sum()
        return float(1 - tokens.sum(dtype="int64") / whole)

    def shapes(self) -> int:
        """How many lengths, or combinations of lengths, batches may have."""
        longest = np.maximum.reduceat(self._tokens, self._batches[:-1])
        return len(np.unique(self._budget.padded(longest), axis=0))

    def _in_first_epoch(self) -> np.ndarray:
        """The tokens of each row, [rows, sides]: of fractions, not what they may be at most."""
        have = map(len, self._lengths)
        if not any(wanted % each for wanted, each in zip(self._counts, have, strict=True)):
            return self._tokens
        examples, _ = self._draw(0)
        lengths = np.empty((len(examples), self._tokens.shape[1]), dtype="int32")
        for part, known in enumerate(self._lengths):
            mine = self._part == part
            lengths[mine] = known[examples[mine]]
        return np.add.reduceat(lengths[self._places], self._rows[:-1])

    def _drawn(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """The example at each place, and the order of the batches."""
        random = np.random.default_rng([self.seed, 0, epoch])
        orders = [_sorted(lengths, random) for lengths in self._lengths]
        examples = np.empty_like(self._place)
        for part, (order, wanted) in enumerate(zip(orders, self._counts, strict=True)):
            have, mine = len(order), self._part == part
            start = int(random.integers(have)) if wanted % have else 0
            examples[mine] = order[_ranks(self._place[mine], start, have, wanted)]
        return examples, random.permutation(len(self))


def _sorted(lengths: np.ndarray, random: np.random.Generator | None = None) -> np.ndarray:
    """The order of rows of `lengths` [N, sides], the last side first; ties as `random` draws."""
    ties = np.arange(len(lengths), dtype="int32")
    if random is not None:
        random.shuffle(ties)
    narrow = np.min_scalar_type(int(lengths.max()))  # Small numbers are sorted by their digits.
    for side in range(lengths.shape[1]):
        ties = ties[np.argsort(lengths[ties, side].astype(narrow), kind="stable")]
    return ties


def _places(weight: float, lengths: np.ndarray) -> np.ndarray:
    """The lengths [N, sides] of a corpus's places in an epoch: the longest that each may have."""
    have = len(lengths)
    wanted = max(1, round(weight * have))
    by_rank = lengths[_sorted(lengths)]
    if wanted == have:
        return by_rank
    first, last = (_ranks(np.arange(wanted), start, have, wanted) for start in (0, have - 1))
    spans = np.stack([first, last + 1], axis=1).ravel()
    return np.maximum.reduceat(np.append(by_rank, by_rank[:1] * 0, axis=0), spans)[::2]


def _ranks(places: np.ndarray, start: int, have: int, wanted: int) -> np.ndarray:
    """Which of `have` examples, by rank of length, stand at places of `wanted` that there are.

    Drawn as every so many-th is from a start in [0, have) that all places share (systematic
    sampling; Madow and Madow, 1944): each rank stands as often as any other in the long run, and
    in one epoch as often as the weight says, rounded down or up.
    """
    if wanted == have:
        return places
    return ((places.astype("int64") * have + start) // wanted).astype("int32")


def _rows(lengths: np.ndarray, row_length: int | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places by row, where each row begins among them, and the tokens of each row by side."""
    if row_length is None:
        count = len(lengths)
        return np.arange(count, dtype="int32"), np.arange(count + 1, dtype="int32"), lengths
    row_of = _packed(lengths, row_length)
    tokens = np.zeros((row_of.max() + 1, lengths.shape[1]), dtype="int32")
    np.add.at(tokens, row_of, lengths)
    by_length = _sorted(tokens)
    rank = np.empty_like(by_length)
    rank[by_length] = np.arange(len(by_length))
    places = np.argsort(rank[row_of], kind="stable").astype("int32")
    begins = np.cumsum([0, *np.bincount(rank[row_of])])
    return places, begins.astype("int32"), tokens[by_length]


def _packed(lengths: np.ndarray, room: int) -> np.ndarray:
    """The row that each place is packed into: the longest first, each where the least is left."""
    row_of, left = array("i", bytes(4 * len(lengths))), []
    with_room: list[list[int]] = [[] for _ in range(room + 1)]  # Rows by what the last side has.
    least = int(lengths[:, -1].min())
    for place in np.argsort(-lengths.max(axis=1), kind="stable").tolist():
        need = tuple(lengths[place].tolist())
        row = _fitting(need, with_room, left)
        if row is None:
            row = len(left)
            left.append((room,) * len(need))
        row_of[place] = row
        rest = tuple(max(have - tokens, 0) for have, tokens in zip(left[row], need, strict=True))
        left[row] = rest if rest[-1] >= least else None
        if left[row]:
            with_room[rest[-1]].append(row)
    return np.frombuffer(row_of, dtype="int32")


def _fitting(need: tuple, with_room: list[list[int]], left: list) -> int | None:
    """The row with the least room that has enough on every side, taken out of `with_room`."""
    looks = LOOKS
    for rest in range(need[-1], len(with_room)):
        rows = with_room[rest]
        for place in range(len(rows) - 1, max(len(rows) - 1 - looks, -1), -1):
            if all(have >= tokens for have, tokens in zip(left[rows[place]], need, strict=True)):
                return rows.pop(place)
        looks -= len(rows)
        if looks <= 0:
            break
    return None


def _cuts(longest: np.ndarray, budget: BatchSize) -> np.ndarray:
    """Where rows, sorted by length, are cut into batches; a single row may be over the budget."""
    found, most = [0], 0
    for row, length in enumerate(budget.padded(longest).tolist()):
        rows, most = row - found[-1] + 1, max(most, length)
        full = rows > budget.rows if budget.rows else rows * most > (budget.tokens or 0)
        if full and rows > 1:
            found.append(row)
            most = length
    return np.array([*found, len(longest)])
