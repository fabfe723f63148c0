"""Batch sampling: rows of examples, batches of rows, and a new random order for every epoch.

The shape of an epoch is computed once. It has slots for examples, sorted by length. A row has one
slot, or several if rows are packed. A batch has rows of similar length. For every epoch, an example
of suitable length is sampled for each slot, and the order of the batches is sampled.

An example has one side (a text) or two (source and target). Arrays of lengths have one column for
each side.
"""

from array import array
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

MAX_ATTEMPTS = 64
"""Maximum number of rows that are tried for an example in packing, before a new row is added."""


@dataclass(frozen=True)
class BatchSize:
    """The capacity of a batch, as a number of tokens or of rows."""

    tokens: int | None
    """Maximum number of tokens of the longer side, with padding; None if `rows` is given."""
    rows: int | None
    """Maximum number of rows; None if `tokens` is given."""
    row_length: int | None = None
    """Capacity of a packed row, in tokens per side. Default: None, examples are not packed."""
    multiple: int = 1
    """Number of tokens; rows are padded to a multiple of it. Default: 1."""
    max_length: int | None = None
    """Maximum length of a row with padding, in tokens. Default: None, no limit."""

    def padded_length(self, length: Any) -> Any:
        """Return the padded length of rows of `length` tokens.

        Args:
            length: Number of tokens, or an array of such numbers.
        """
        if self.max_length is None:
            return -(-length // self.multiple) * self.multiple
        multiple = min(self.multiple, self.max_length)  # A larger multiple may overflow int32.
        return np.minimum(-(-length // multiple) * multiple, self.max_length)

    def max_rows(self, length: int) -> int:
        """Return the maximum number of rows of `length` tokens in a batch."""
        return self.rows or max((self.tokens or 0) // length, 1)


class BatchSampler:
    """The batches of every epoch, as indices of examples."""

    def __init__(
        self, members: list[tuple[float, np.ndarray]], batch_size: BatchSize, seed: int
    ) -> None:
        """Create the sampler.

        Args:
            members: Weight and example lengths [N, sides], in tokens, of each corpus. The weight is
                the number of times that each example occurs in an epoch; if it is not an integer,
                each epoch has a different subset.
            batch_size: The capacity of a batch.
            seed: The seed of all random numbers.
        """
        self.seed = seed
        self._lengths = [lengths for _, lengths in members]
        slot_lengths = [_slot_lengths(weight, lengths) for weight, lengths in members]
        self._num_slots = [len(lengths) for lengths in slot_lengths]
        self._member_of_slot = np.repeat(np.arange(len(members), dtype="int16"), self._num_slots)
        self._slot_in_member = np.concatenate(
            [np.arange(count, dtype="int32") for count in self._num_slots]
        )
        lengths = np.concatenate(slot_lengths)
        if len(members) > 1:
            by_length = _length_order(lengths)
            lengths = lengths[by_length]
            self._member_of_slot = self._member_of_slot[by_length]
            self._slot_in_member = self._slot_in_member[by_length]
        del slot_lengths
        self._slots, self._row_starts, self._max_row_tokens = _rows(lengths, batch_size.row_length)
        self._batch_starts = _split_into_batches(self._max_row_tokens.max(axis=1), batch_size)
        self._batch_size = batch_size
        self._epoch = lru_cache(maxsize=2)(self._sample_epoch)

    def __len__(self) -> int:
        """Return the number of batches per epoch."""
        return len(self._batch_starts) - 1

    def __getitem__(self, number: int) -> list[list[tuple[int, int]]]:
        """Return the rows of a batch, each as a list of examples (corpus, index in the corpus).

        Args:
            number: Number of the batch, counted from 0 over all epochs.
        """
        epoch, index = divmod(number, len(self))
        examples, order = self._epoch(epoch)
        first, last = self._batch_starts[order[index] : order[index] + 2]
        rows = []
        for start, end in zip(
            self._row_starts[first:last], self._row_starts[first + 1 : last + 1], strict=True
        ):
            slots = self._slots[start:end]
            rows.append(
                list(
                    zip(self._member_of_slot[slots].tolist(), examples[slots].tolist(), strict=True)
                )
            )
        return rows

    def num_examples(self) -> int:
        """Return the number of examples per epoch, with repetitions."""
        return sum(self._num_slots)

    def num_tokens(self) -> int:
        """Return the number of tokens of the first epoch, on all sides, without padding."""
        return int(self._first_epoch_tokens().sum(dtype="int64"))

    def padding_fraction(self) -> float:
        """Return the fraction of padding among the tokens of the first epoch."""
        tokens = self._first_epoch_tokens()
        max_lengths = np.maximum.reduceat(tokens, self._batch_starts[:-1])  # [batches, sides]
        rows = np.diff(self._batch_starts)[:, None]
        total = (rows * self._batch_size.padded_length(max_lengths)).sum()
        return float(1 - tokens.sum(dtype="int64") / total)

    def num_shapes(self) -> int:
        """Return the number of different padded lengths of batches (for two sides, of pairs)."""
        max_lengths = np.maximum.reduceat(self._max_row_tokens, self._batch_starts[:-1])
        return len(np.unique(self._batch_size.padded_length(max_lengths), axis=0))

    def _first_epoch_tokens(self) -> np.ndarray:
        """Return the number of tokens of each row in the first epoch, [rows, sides].

        It can be smaller than `_max_row_tokens` if a member has a fractional weight.
        """
        num_examples = map(len, self._lengths)
        if not any(slots % num for slots, num in zip(self._num_slots, num_examples, strict=True)):
            return self._max_row_tokens
        examples, _ = self._epoch(0)
        lengths = np.empty((len(examples), self._max_row_tokens.shape[1]), dtype="int32")
        for member, member_lengths in enumerate(self._lengths):
            in_member = self._member_of_slot == member
            lengths[in_member] = member_lengths[examples[in_member]]
        return np.add.reduceat(lengths[self._slots], self._row_starts[:-1])

    def _sample_epoch(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the index of the example in each slot, and the order of the batches."""
        rng = np.random.default_rng([self.seed, 0, epoch])
        orders = [_length_order(lengths, rng) for lengths in self._lengths]
        examples = np.empty_like(self._slot_in_member)
        for member, (order, num_slots) in enumerate(zip(orders, self._num_slots, strict=True)):
            num_examples, in_member = len(order), self._member_of_slot == member
            start = int(rng.integers(num_examples)) if num_slots % num_examples else 0
            ranks = _ranks(self._slot_in_member[in_member], start, num_examples, num_slots)
            examples[in_member] = order[ranks]
        return examples, rng.permutation(len(self))


def _length_order(lengths: np.ndarray, rng: "np.random.Generator | None" = None) -> np.ndarray:
    """Return the indices that sort `lengths` [N, sides]; the last side is the primary key.

    Ties are in random order if `rng` is given.
    """
    order = np.arange(len(lengths), dtype="int32")
    if rng is not None:
        rng.shuffle(order)
    narrow = np.min_scalar_type(int(lengths.max()))  # NumPy uses radix sort for small types.
    for side in range(lengths.shape[1]):
        order = order[np.argsort(lengths[order, side].astype(narrow), kind="stable")]
    return order


def _slot_lengths(weight: float, lengths: np.ndarray) -> np.ndarray:
    """Return the maximum length of the examples that can fill each slot, [slots, sides]."""
    num_examples = len(lengths)
    num_slots = max(1, round(weight * num_examples))
    by_rank = lengths[_length_order(lengths)]
    if num_slots == num_examples:
        return by_rank
    first, last = (
        _ranks(np.arange(num_slots), start, num_examples, num_slots)
        for start in (0, num_examples - 1)
    )
    bounds = np.stack([first, last + 1], axis=1).ravel()
    return np.maximum.reduceat(np.append(by_rank, by_rank[:1] * 0, axis=0), bounds)[::2]


def _ranks(slots: np.ndarray, start: int, num_examples: int, num_slots: int) -> np.ndarray:
    """Return the rank, by length, of the example in each slot.

    This is systematic sampling (Madow and Madow, 1944): the ranks have equal distances, and
    their offset `start`, an integer in [0, num_examples), is the same for all slots. Over many
    epochs, each rank occurs equally often. In one epoch, it occurs num_slots / num_examples times,
    rounded down or up.
    """
    if num_slots == num_examples:
        return slots
    return ((slots.astype("int64") * num_examples + start) // num_slots).astype("int32")


def _rows(lengths: np.ndarray, row_length: int | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the slots sorted by row, the start of each row, and the row lengths [rows, sides]."""
    if row_length is None:
        count = len(lengths)
        return np.arange(count, dtype="int32"), np.arange(count + 1, dtype="int32"), lengths
    row_of = _pack(lengths, row_length)
    tokens = np.zeros((row_of.max() + 1, lengths.shape[1]), dtype="int32")
    np.add.at(tokens, row_of, lengths)
    by_length = _length_order(tokens)
    rank = np.empty_like(by_length)
    rank[by_length] = np.arange(len(by_length))
    slots = np.argsort(rank[row_of], kind="stable").astype("int32")
    starts = np.cumsum([0, *np.bincount(rank[row_of])])
    return slots, starts.astype("int32"), tokens[by_length]


def _pack(lengths: np.ndarray, row_length: int) -> np.ndarray:
    """Return the row of each slot, by best-fit decreasing bin packing."""
    row_of, free = array("i", bytes(4 * len(lengths))), []
    open_rows: list[list[int]] = [[] for _ in range(row_length + 1)]  # By free tokens, last side
    shortest = int(lengths[:, -1].min())
    for slot in np.argsort(-lengths.max(axis=1), kind="stable").tolist():
        length = tuple(lengths[slot].tolist())
        row = _take_best_fit(length, open_rows, free)
        if row is None:
            row = len(free)
            free.append((row_length,) * len(length))
        row_of[slot] = row
        remaining = tuple(
            max(left - needed, 0) for left, needed in zip(free[row], length, strict=True)
        )
        free[row] = remaining if remaining[-1] >= shortest else None
        if free[row]:
            open_rows[remaining[-1]].append(row)
    return np.frombuffer(row_of, dtype="int32")


def _take_best_fit(length: tuple, open_rows: list[list[int]], free: list) -> int | None:
    """Remove from `open_rows` the fullest row with space for `length`; return it, or None."""
    attempts = MAX_ATTEMPTS
    for num_free in range(length[-1], len(open_rows)):
        rows = open_rows[num_free]
        for index in range(len(rows) - 1, max(len(rows) - 1 - attempts, -1), -1):
            space = free[rows[index]]
            if all(left >= needed for left, needed in zip(space, length, strict=True)):
                return rows.pop(index)
        attempts -= len(rows)
        if attempts <= 0:
            break
    return None


def _split_into_batches(lengths: np.ndarray, batch_size: BatchSize) -> np.ndarray:
    """Return the start of each batch among rows sorted by length, and the end of the last one.

    A batch of a single row may exceed the batch size.
    """
    starts, max_length = [0], 0
    for row, length in enumerate(batch_size.padded_length(lengths).tolist()):
        num_rows, max_length = row - starts[-1] + 1, max(max_length, length)
        if batch_size.rows:
            is_full = num_rows > batch_size.rows
        else:
            is_full = num_rows * max_length > (batch_size.tokens or 0)
        if is_full and num_rows > 1:
            starts.append(row)
            max_length = length
    return np.array([*starts, len(lengths)])
