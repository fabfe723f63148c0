"""Pairs of segments of documents: whether they follow each other, and in which order."""

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from archbuilder.errors import UserError
from archbuilder.text.batch import PAIR_CLASS
from archbuilder.text.examples.documents import blocks, follow_links
from archbuilder.text.examples.examples import Examples, Limits, skipped_overlong
from archbuilder.text.examples.negative_sampling import NegativeSampler, PairRuns
from archbuilder.text.record import DOCUMENTS
from archbuilder.text.skipped import Skipped
from archbuilder.text.token_store import Tokens
from archbuilder.text.vocabulary import Vocabulary

NUM_SPECIAL = 3
"""Tokens of a pair that are not those of its segments."""
SINGLE_SENTENCE = "documents of one sentence left out: a pair needs two"
ISOLATED_SENTENCE = "sentences left out that have no other beside them"


class Pairs(Examples):
    """The interface of pairs: start, first segment, end, second segment, end.

    Devlin et al., 2018, appendix A.2. Which sentences begin a pair, and how long it shall be, is
    fixed; where it is split, and of which class it is, is sampled each time.
    """

    needs = DOCUMENTS
    overlong = ("truncate", "drop", "refuse")
    sides: ClassVar = {"": ("token_ids", "segment_ids")}
    columns = (PAIR_CLASS,)
    crossing: ClassVar[float] = 1.0
    """Fraction of runs that continue until they have the target number of tokens; others stop
    before they have more."""

    def __init__(
        self,
        tokens: Tokens,
        vocabularies: tuple[Vocabulary, Vocabulary],
        limits: Limits,
        short_rate: float,
    ):
        self.text, (self.vocabulary, _) = tokens.sentences, vocabularies
        self.max_tokens = limits.sequence_length - NUM_SPECIAL
        runs = self._runs(limits, short_rate)
        self.first, self.last = runs.first, runs.last
        if not len(self.first):
            raise self._lacking("documents of at least two sentences")
        self.lengths = (self._pair_tokens(runs) + NUM_SPECIAL)[:, None]

    def _runs(self, limits: Limits, short_rate: float) -> PairRuns:
        """Return the runs of all documents, and count what is skipped."""
        drop = limits.overlong == "drop"
        single, isolated, over, parts = 0, 0, 0, []
        for number, (base, offsets, ends) in enumerate(blocks(self.text)):
            random = np.random.default_rng([self.max_tokens, number])
            long = np.diff(offsets) > self.max_tokens
            stops = _with_gaps(ends, np.flatnonzero(long)) if drop else ends
            targets = _targets(len(offsets) - 1, self.max_tokens, short_rate, random)
            runs = _block_runs(offsets, stops, targets, self.crossing, random)
            first, last, target, tokens = runs
            arrays = (base + first, base + last, target, tokens, base + stops)
            parts.append([array.astype("int32") for array in arrays])
            over += int(long.sum())
            alone = _alone(stops)
            alone = alone[~long[alone]] if drop else alone
            num_single = int(np.isin(alone, _alone(ends)).sum())
            single, isolated = single + num_single, isolated + len(alone) - num_single
        self.skipped = skipped_overlong(over, "sentences", limits)
        if single:
            self.skipped += (Skipped("documents", SINGLE_SENTENCE, single),)
        if isolated:
            self.skipped += (Skipped("sentences", ISOLATED_SENTENCE, isolated),)
        return PairRuns(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))

    def _pair_tokens(self, runs: PairRuns) -> np.ndarray:
        """Return the tokens of each pair, int32 [N]."""
        return np.minimum(runs.target, runs.tokens)

    def _lacking(self, what: str) -> UserError:
        why = ", ".join(map(str, self.skipped))
        return UserError(f"pairs of segments need {what}" + (f" ({why})" if why else ""))

    def row(self, index: int, random: np.random.Generator) -> dict[str, Any]:
        first, second, pair_class = self._pair(index, random)
        start, end = [self.vocabulary.start_id], [self.vocabulary.end_id]
        token_ids = np.concatenate([start, first, end, second, end])
        segment_ids = np.zeros_like(token_ids)
        segment_ids[len(first) + 2 :] = 1
        return {"token_ids": token_ids, "segment_ids": segment_ids, PAIR_CLASS: pair_class}

    def _run(self, index: int) -> tuple[int, int, int]:
        """Return the first sentence of a pair's run, the one after its last, and the tokens."""
        return self.first[index], self.last[index], int(self.lengths[index, 0]) - NUM_SPECIAL

    @abstractmethod
    def _pair(self, index: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
        """Return the first segment, the second, and their class, 0 or 1."""


class NextPairs(Pairs):
    """The second segment is the first's continuation, class 0, or of another document, class 1.

    Neither length nor a truncated end tells the classes apart: a pair is as long in either class.
    One that fills its length begins its second segment with a sentence and truncates it where it is
    full; one that does not, since its document ends, takes for its second segment an end of a
    document, as long as its own where there is one.
    """

    def __init__(
        self,
        tokens: Tokens,
        vocabularies: tuple[Vocabulary, Vocabulary],
        limits: Limits,
        short_rate: float,
    ):
        if len(tokens.sentences.documents) < 3:
            raise UserError("pairs of segments need at least two documents, a blank line between")
        super().__init__(tokens, vocabularies, limits, short_rate)

    def _pair_tokens(self, runs: PairRuns) -> np.ndarray:
        starts = self.text.documents[:]
        first_document, last_document = np.searchsorted(starts, runs.first[[0, -1]], side="right")
        if first_document == last_document:
            raise self._lacking("two documents of at least two sentences")
        self._negatives = NegativeSampler(self.text, runs, self.max_tokens)
        return self._negatives.target

    def _pair(self, index: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
        first, last, target = self._run(index)
        offsets = self.text.offsets[first : last + 1]
        split = random.integers(1, last - first)
        is_random = int(random.integers(2))
        needed = max(target - int(offsets[split] - offsets[0]), 1)
        begin = int(first + split)
        if is_random:
            begin = self._negatives.sample(index, needed, random)
        first_ids = self.text.ids[int(offsets[0]) : int(offsets[split])]
        second_ids = self._negatives.segment(begin, needed)
        return *truncate_pair(first_ids, second_ids, target, random), is_random


class OrderedPairs(Pairs):
    """Two segments that follow each other, in their order, class 0, or swapped, class 1.

    Lan et al., 2020, section 3.1. Neither lengths nor truncation tell the order: a sentence that
    crosses a length is longer than most, and is as often the last of a run as the first of the
    next; and whichever segment is longer is truncated, at either end.
    """

    crossing = 0.5

    def _pair(self, index: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
        first, last, target = self._run(index)
        offsets = self.text.offsets[first : last + 1]
        split = random.integers(1, last - first)
        swapped = int(random.integers(2))
        ids = self.text.ids[int(offsets[0]) : int(offsets[-1])]
        middle = int(offsets[split] - offsets[0])
        segments = (ids[middle:], ids[:middle]) if swapped else (ids[:middle], ids[middle:])
        return *truncate_pair(*segments, target, random), swapped


def truncate_pair(
    first: np.ndarray, second: np.ndarray, max_tokens: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the segments with tokens of the longer one dropped from either end until they fit."""
    surplus, gap = max(len(first) + len(second) - max_tokens, 0), len(first) - len(second)
    unshared = min(surplus, abs(gap))
    dropped = (surplus - unshared) // 2 + unshared * (gap > 0)  # Once equally long, by turns.
    return _trimmed(first, dropped, random), _trimmed(second, surplus - dropped, random)


def _trimmed(ids: np.ndarray, surplus: int, random: np.random.Generator) -> np.ndarray:
    front = int(random.binomial(surplus, 0.5))
    return ids[front : len(ids) - (surplus - front)]


def _alone(ends: np.ndarray) -> np.ndarray:
    """Return the sentences before and after which something ends."""
    return ends[np.diff(ends, prepend=0) == 1] - 1


def _with_gaps(ends: np.ndarray, sentences: np.ndarray) -> np.ndarray:
    """Return the ends, and one before and one after each of the sentences."""
    stops = np.unique(np.concatenate([ends, sentences, sentences + 1]))
    return stops[stops > 0]


def _targets(
    count: int, max_tokens: int, short_rate: float, random: np.random.Generator
) -> np.ndarray:
    """Return the target number of tokens of a pair that begins at each of `count` sentences."""
    is_short = random.random(count) < short_rate
    return np.where(is_short, random.integers(2, max_tokens + 1, count), max_tokens)


def _block_runs(
    offsets: np.ndarray,
    ends: np.ndarray,
    target: np.ndarray,
    crossing: float,
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the runs of a block: first sentence, the one after the last, target and tokens.

    A run has two sentences or more: as many as it takes to have the target number of tokens, for a
    fraction `crossing` of them, or as many as do not exceed it.
    """
    count = len(offsets) - 1
    begin, end = np.arange(count), np.repeat(ends, np.diff([0, *ends]))
    last = np.searchsorted(offsets, offsets[:-1] + target, side="left")
    if crossing < 1:
        within = np.searchsorted(offsets, offsets[:-1] + target, side="right") - 1
        last = np.where(random.random(count) < crossing, last, within)
    last = np.minimum(np.maximum(last, begin + 2), end)
    last = np.where(end - last == 1, end, last)  # A single sentence is not a pair.
    first = follow_links(last, np.array([0, *ends[:-1]]), ends)
    first = first[last[first] - first > 1]
    return first, last[first], target[first], offsets[last[first]] - offsets[first]
