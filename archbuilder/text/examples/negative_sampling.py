"""Negative sampling: second segments of pairs, from other documents than the first segments."""

from typing import NamedTuple

import numpy as np

from archbuilder.text.examples.documents import blocks
from archbuilder.text.token_store import RaggedSentences

MAX_ATTEMPTS = 8
"""Maximum number of sampled runs before a long one is used instead."""


class PairRuns(NamedTuple):
    """Runs of sentences that become pairs; all fields but `stops` are int32 [N]."""

    first: np.ndarray
    """First sentence of each run."""
    last: np.ndarray
    """Sentence after the last one of each run."""
    target: np.ndarray
    """Target number of tokens of the pair."""
    tokens: np.ndarray
    """Number of tokens of the run."""
    stops: np.ndarray
    """Sorted ends of consecutive sentences: the ends of documents, and dropped sentences."""


class NegativeSampler:
    """Sampler of second segments from other documents, with the length that a pair needs."""

    def __init__(self, text: RaggedSentences, runs: PairRuns, max_tokens: int) -> None:
        """Index the runs.

        Args:
            text: The documents.
            runs: The runs of the pairs, from at least two documents.
            max_tokens: The number of tokens of a full pair.
        """
        self._text, self._document_starts = text, text.documents[:]
        self._first, self._last, self._stops = runs.first, runs.last, runs.stops
        self._full = np.flatnonzero(runs.tokens >= max_tokens).astype("int32")
        self.target = self._choose_partners(runs)
        """Number of tokens of each pair, int32 [N]; limited by the length of other documents."""
        self._index_ends(self.target == runs.tokens)

    def sample(self, index: int, num_tokens: int, random: "np.random.Generator") -> int:
        """Return the first sentence of a segment of another document.

        Args:
            index: The index of the pair.
            num_tokens: The minimum number of tokens that start at the sentence.
            random: The source of random numbers.
        """
        document = int(np.searchsorted(self._document_starts, self._first[index], side="right"))
        own_document = self._document_starts[document - 1 : document + 1].astype("int32")
        sample = self._sample_ending if self._is_ending[index] else self._sample_inside
        sentence = sample(own_document, num_tokens, random)
        if sentence is None:
            run = next(
                run
                for run in self._longest
                if not own_document[0] <= self._first[run] < own_document[1]
            )
            sentence = int(self._first[run]) + 1
        return sentence

    def segment(self, sentence: int, num_tokens: int) -> np.ndarray:
        """Return the token ids of consecutive sentences.

        Args:
            sentence: The first sentence.
            num_tokens: The number of tokens after which no further sentence is added.
        """
        # Each sentence has at least one token.
        stop = min(self._stop(sentence), sentence + num_tokens)
        offsets = self._text.offsets[sentence : stop + 1]
        enough = int(np.searchsorted(offsets, offsets[0] + num_tokens))
        return self._text.ids[int(offsets[0]) : int(offsets[min(enough, len(offsets) - 1)])]

    def _stop(self, sentence: int) -> int:
        """Return the end of the consecutive sentences that contain this one."""
        return int(self._stops[np.searchsorted(self._stops, sentence, side="right")])

    def _choose_partners(self, runs: PairRuns) -> np.ndarray:
        """Choose the runs that provide second segments, and return the lengths of the pairs.

        Full runs provide segments for full pairs. The two longest runs of different documents
        provide those for which no other run is long enough.
        """
        documents = np.searchsorted(self._document_starts, runs.first, side="right")
        segment_tokens = runs.tokens - self._first_lengths()
        longest = int(segment_tokens.argmax())
        others = documents != documents[longest]
        second = int(np.where(others, segment_tokens, 0).argmax())
        self._longest = longest, second
        max_tokens = np.where(others, segment_tokens[longest], segment_tokens[second]) + 1
        return np.minimum(np.minimum(runs.target, runs.tokens), max_tokens).astype("int32")

    def _first_lengths(self) -> np.ndarray:
        """Return the number of tokens of the first sentence of each run, int32 [N]."""
        first = self._first
        lengths = np.empty_like(first)
        for base, offsets, _ in blocks(self._text):
            low, high = np.searchsorted(first, [base, base + len(offsets) - 1])
            lengths[low:high] = np.diff(offsets)[first[low:high] - base]
        return lengths

    def _index_ends(self, is_whole: np.ndarray) -> None:
        """Index the sentences of runs at document ends, by the number of tokens until the end."""
        is_ending = np.isin(self._last, self._stops)
        self._is_ending = is_ending & is_whole  # Only pairs that contain all of their run.
        sentences, remaining = [], []
        for base, offsets, _ in blocks(self._text):
            low, high = np.searchsorted(self._first, [base, base + len(offsets) - 1])
            ending = low + np.flatnonzero(is_ending[low:high])
            first, last = self._first[ending] + 1, self._last[ending]
            counts = last - first
            starts = np.repeat(last - np.cumsum(counts), counts) + np.arange(counts.sum())
            sentences.append(starts.astype("int32"))
            remaining.append(offsets[np.repeat(last, counts) - base] - offsets[starts - base])
        tokens = np.concatenate(remaining).astype("int32")
        by_tokens = np.argsort(tokens, kind="stable")
        self._ends, self._end_tokens = np.concatenate(sentences)[by_tokens], tokens[by_tokens]

    def _sample_inside(
        self, own_document: np.ndarray, num_tokens: int, random: "np.random.Generator"
    ) -> int | None:
        """Return a sentence of a full run outside `own_document`; None if sampling fails."""
        first, last, offsets = self._first, self._last, self._text.offsets
        low, high = np.searchsorted(self._full, np.searchsorted(first, own_document))
        others = len(self._full) - int(high - low)
        for _ in range(MAX_ATTEMPTS if others else 0):
            sampled = int(random.integers(others))
            run = self._full[sampled + int(high - low) * (sampled >= low)]
            starts = offsets[first[run] + 1 : last[run] + 1]
            enough = np.flatnonzero(starts[-1] - starts[:-1] >= num_tokens)
            sentence = int(first[run]) + 1 + (int(enough[-1]) if len(enough) else 0)
            if len(enough) or offsets[self._stop(sentence)] - starts[0] >= num_tokens:
                return sentence
        return None

    def _sample_ending(
        self, own_document: np.ndarray, num_tokens: int, random: "np.random.Generator"
    ) -> int | None:
        """Return a sentence outside `own_document` that is close to the end of its document.

        The number of tokens from the sentence to that end is the smallest one that is at least
        `num_tokens`. Return None if all are smaller.
        """
        low = int(np.searchsorted(self._end_tokens, num_tokens))
        while low < len(self._ends):
            high = int(np.searchsorted(self._end_tokens, self._end_tokens[low], side="right"))
            ends = self._ends[low:high]
            ends = ends[(ends < own_document[0]) | (ends >= own_document[1])]
            if len(ends):
                return int(ends[random.integers(len(ends))])
            low = high
        return None
