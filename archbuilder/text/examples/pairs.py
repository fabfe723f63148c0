"""Pairs of segments, for the prediction of whether or how they follow each other."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from typing_extensions import override

from archbuilder.errors import UserError
from archbuilder.text.batch import PAIR_CLASS
from archbuilder.text.examples.documents import blocks, follow_links
from archbuilder.text.examples.examples import Examples, Limits, skipped_overlong
from archbuilder.text.examples.negative_sampling import NegativeSampler, PairRuns
from archbuilder.text.record import DOCUMENTS
from archbuilder.text.skipped import Skipped
from archbuilder.text.token_store import Tokens
from archbuilder.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from numpy.random import Generator

NUM_SPECIAL = 3
"""Number of special tokens of a pair."""
SINGLE_SENTENCE = "documents skipped because they have only one sentence, and a pair needs two"
ISOLATED_SENTENCE = "sentences skipped because both neighbors were dropped or do not exist"


class Pairs(Examples):
    """Interface of pairs: start, first segment, end, second segment, end.

    Devlin et al., 2018, appendix A.2. The sentences and the length of a pair are fixed. The
    boundary between its segments and its class are sampled each time.
    """

    needs = DOCUMENTS
    overlong = ("truncate", "drop", "refuse")
    sides: ClassVar = {"": ("token_ids", "segment_ids")}
    columns = (PAIR_CLASS,)
    crossing: ClassVar[float] = 1.0
    """Fraction of runs whose last sentence may exceed the target number of tokens."""

    def __init__(
        self,
        tokens: Tokens,
        vocabularies: tuple[Vocabulary, Vocabulary],
        limits: Limits,
        short_rate: float,
    ) -> None:
        """Split the documents into runs of sentences.

        Args:
            tokens: The tokens of documents.
            vocabularies: The vocabularies of source and target, which are the same.
            limits: The maximum length of an example.
            short_rate: The fraction of pairs with a random shorter length.

        Raises:
            UserError: The text yields no pair.
        """
        self.text, (self.vocabulary, _) = tokens.sentences, vocabularies
        self.max_tokens = limits.sequence_length - NUM_SPECIAL
        runs = self._runs(limits, short_rate)
        self.first, self.last = runs.first, runs.last
        if not len(self.first):
            raise self._missing("documents of at least two sentences")
        self.lengths = (self._pair_tokens(runs) + NUM_SPECIAL)[:, None]

    def _runs(self, limits: Limits, short_rate: float) -> PairRuns:
        """Return the runs of all documents, and log the skipped text."""
        drop_overlong = limits.overlong == "drop"
        num_single, num_isolated, num_overlong, block_arrays = 0, 0, 0, []
        for number, (base, offsets, ends) in enumerate(blocks(self.text)):
            random = np.random.default_rng([self.max_tokens, number])
            is_overlong = np.diff(offsets) > self.max_tokens
            stops = _with_gaps(ends, np.flatnonzero(is_overlong)) if drop_overlong else ends
            targets = _targets(len(offsets) - 1, self.max_tokens, short_rate, random)
            runs = _block_runs(offsets, stops, targets, self.crossing, random)
            first, last, target, tokens = runs
            arrays = (base + first, base + last, target, tokens, base + stops)
            block_arrays.append([array.astype("int32") for array in arrays])
            num_overlong += int(is_overlong.sum())
            unpaired = _single_sentences(stops)
            unpaired = unpaired[~is_overlong[unpaired]] if drop_overlong else unpaired
            num_single_in_block = int(np.isin(unpaired, _single_sentences(ends)).sum())
            num_single += num_single_in_block
            num_isolated += len(unpaired) - num_single_in_block
        self.skipped = skipped_overlong(num_overlong, "sentences", limits)
        if num_single:
            self.skipped += (Skipped("documents", SINGLE_SENTENCE, num_single),)
        if num_isolated:
            self.skipped += (Skipped("sentences", ISOLATED_SENTENCE, num_isolated),)
        return PairRuns(*(np.concatenate(arrays) for arrays in zip(*block_arrays, strict=True)))

    def _pair_tokens(self, runs: PairRuns) -> np.ndarray:
        """Return the number of tokens of each pair, int32 [N]."""
        return np.minimum(runs.target, runs.tokens)

    def _missing(self, required: str) -> UserError:
        reasons = ", ".join(map(str, self.skipped))
        details = f" ({reasons})" if reasons else ""
        return UserError(f"segment pairs need {required}{details}")

    @override
    def row(self, index: int, random: "Generator") -> dict[str, Any]:
        first, second, pair_class = self._pair(index, random)
        start, end = [self.vocabulary.start_id], [self.vocabulary.end_id]
        token_ids = np.concatenate([start, first, end, second, end])
        segment_ids = np.zeros_like(token_ids)
        segment_ids[len(first) + 2 :] = 1
        return {"token_ids": token_ids, "segment_ids": segment_ids, PAIR_CLASS: pair_class}

    def _run(self, index: int) -> tuple[int, int, int]:
        """Return the first sentence of a run, the one after its last, and the tokens of a pair."""
        return self.first[index], self.last[index], int(self.lengths[index, 0]) - NUM_SPECIAL

    @abstractmethod
    def _pair(self, index: int, random: "Generator") -> tuple[np.ndarray, np.ndarray, int]:
        """Return the first segment, the second one, and their class, 0 or 1."""


class NextPairs(Pairs):
    """Pairs with a continuation, class 0, or a segment of another document, class 1.

    Models cannot recognize the class by the length or the truncation of segments. A pair has the
    same length in both classes. The second segment of a full pair starts with a sentence and is
    truncated. The second segment of a shorter pair, whose document ends early, is the end of a
    document, with the same number of tokens in both classes where possible.
    """

    def __init__(
        self,
        tokens: Tokens,
        vocabularies: tuple[Vocabulary, Vocabulary],
        limits: Limits,
        short_rate: float,
    ) -> None:
        if len(tokens.sentences.documents) < 3:
            raise UserError(
                "segment pairs need two documents or more; separate documents by blank lines"
            )
        super().__init__(tokens, vocabularies, limits, short_rate)

    @override
    def _pair_tokens(self, runs: PairRuns) -> np.ndarray:
        documents = self.text.documents[:]
        first_document, last_document = np.searchsorted(
            documents, runs.first[[0, -1]], side="right"
        )
        if first_document == last_document:
            raise self._missing("two documents of at least two sentences")
        self._negatives = NegativeSampler(self.text, runs, self.max_tokens)
        return self._negatives.target

    @override
    def _pair(self, index: int, random: "Generator") -> tuple[np.ndarray, np.ndarray, int]:
        first, last, target = self._run(index)
        offsets = self.text.offsets[first : last + 1]
        split = random.integers(1, last - first)
        is_random = int(random.integers(2))
        num_tokens = max(target - int(offsets[split] - offsets[0]), 1)
        sentence = int(first + split)
        if is_random:
            sentence = self._negatives.sample(index, num_tokens, random)
        first_ids = self.text.ids[int(offsets[0]) : int(offsets[split])]
        second_ids = self._negatives.segment(sentence, num_tokens)
        return *truncate_pair(first_ids, second_ids, target, random), is_random


class OrderedPairs(Pairs):
    """Pairs of consecutive segments, in their order, class 0, or swapped, class 1.

    Lan et al., 2020, section 3.1. Models cannot recognize the class by lengths or truncation. A
    sentence that crosses the target length tends to be long, so it is equally often the last of a
    run and the first of the next one. The longer segment is truncated, at both ends.
    """

    crossing = 0.5

    @override
    def _pair(self, index: int, random: "Generator") -> tuple[np.ndarray, np.ndarray, int]:
        first, last, target = self._run(index)
        offsets = self.text.offsets[first : last + 1]
        split = random.integers(1, last - first)
        swapped = int(random.integers(2))
        ids = self.text.ids[int(offsets[0]) : int(offsets[-1])]
        middle = int(offsets[split] - offsets[0])
        segments = (ids[middle:], ids[:middle]) if swapped else (ids[:middle], ids[middle:])
        return *truncate_pair(*segments, target, random), swapped


def truncate_pair(
    first: np.ndarray, second: np.ndarray, max_tokens: int, random: "Generator"
) -> tuple[np.ndarray, np.ndarray]:
    """Return the segments, truncated to `max_tokens` tokens in total.

    Tokens are removed from the longer segment first, then from both in turn. Each removed token is
    at the start or at the end of its segment, with equal probability.

    Args:
        first: The token ids of the first segment.
        second: The token ids of the second segment.
        max_tokens: The maximum number of tokens of both.
        random: The source of random numbers.
    """
    surplus, gap = max(len(first) + len(second) - max_tokens, 0), len(first) - len(second)
    unshared = min(surplus, abs(gap))
    dropped = (surplus - unshared) // 2 + unshared * (
        gap > 0
    )  # Equally long segments lose equally many.
    return _trimmed(first, dropped, random), _trimmed(second, surplus - dropped, random)


def _trimmed(ids: np.ndarray, surplus: int, random: "Generator") -> np.ndarray:
    front = int(random.binomial(surplus, 0.5))
    return ids[front : len(ids) - (surplus - front)]


def _single_sentences(ends: np.ndarray) -> np.ndarray:
    """Return the sentences between two adjacent ends."""
    return ends[np.diff(ends, prepend=0) == 1] - 1


def _with_gaps(ends: np.ndarray, sentences: np.ndarray) -> np.ndarray:
    """Return the ends, with additional ends before and after each of the sentences."""
    stops = np.unique(np.concatenate([ends, sentences, sentences + 1]))
    return stops[stops > 0]


def _targets(count: int, max_tokens: int, short_rate: float, random: "Generator") -> np.ndarray:
    """Return the target number of tokens of a pair that starts at each of `count` sentences."""
    is_short = random.random(count) < short_rate
    return np.where(is_short, random.integers(2, max_tokens + 1, count), max_tokens)


def _block_runs(
    offsets: np.ndarray,
    ends: np.ndarray,
    target: np.ndarray,
    crossing: float,
    random: "Generator",
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the runs of a block: first sentence, the one after the last, target and tokens.

    A run has at least two sentences. A fraction `crossing` of the runs end with the sentence that
    reaches the target number of tokens; the others end before they exceed it.
    """
    count = len(offsets) - 1
    sentence, end = np.arange(count), np.repeat(ends, np.diff([0, *ends]))
    last = np.searchsorted(offsets, offsets[:-1] + target, side="left")
    if crossing < 1:
        within = np.searchsorted(offsets, offsets[:-1] + target, side="right") - 1
        last = np.where(random.random(count) < crossing, last, within)
    last = np.minimum(np.maximum(last, sentence + 2), end)
    last = np.where(end - last == 1, end, last)  # A single sentence is not a pair.
    first = follow_links(last, np.array([0, *ends[:-1]]), ends)
    first = first[last[first] - first > 1]
    return first, last[first], target[first], offsets[last[first]] - offsets[first]
