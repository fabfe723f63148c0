"""Second segments for pairs, taken from other documents than the first segment."""

from typing import NamedTuple

import numpy as np

from archbuilder.text.examples.documents import blocks
from archbuilder.text.token_store import RaggedSentences

MAX_ATTEMPTS = 8
"""Runs that are tried for one that has a long enough second segment."""


class PairRuns(NamedTuple):
    """Runs of sentences that pairs are made of, int32 [N], and where runs may end."""

    first: np.ndarray
    """The first sentence of each run."""
    last: np.ndarray
    """The sentence after its last."""
    target: np.ndarray
    """The tokens that its pair is to have."""
    tokens: np.ndarray
    """The tokens that it has."""
    stops: np.ndarray
    """The sentences before which sentences that follow each other end, sorted."""


class NegativeSampler:
    """Finds a second segment in another document, as long as a pair needs it."""

    def __init__(self, text: RaggedSentences, runs: PairRuns, max_tokens: int):
        """Index the runs.

        Args:
            text: The documents.
            runs: The runs of the pairs, of two documents or more.
            max_tokens: The tokens of a pair that fills its length.
        """
        self._text, self._document_starts = text, text.documents[:]
        self._first, self._last, self._stops = runs.first, runs.last, runs.stops
        self._full = np.flatnonzero(runs.tokens >= max_tokens).astype("int32")
        self.target = self._choose_partners(runs)
        """The tokens of each pair, int32 [N]: as many as another document can provide."""
        self._index_ends(self.target == runs.tokens)

    def sample(self, index: int, num_tokens: int, random: np.random.Generator) -> int:
        """Return a sentence of another document that begins `num_tokens` tokens or more."""
        document = int(np.searchsorted(self._document_starts, self._first[index], side="right"))
        own = self._document_starts[document - 1 : document + 1].astype("int32")
        choose = self._at_end if self._is_ending[index] else self._inside
        sentence = choose(own, num_tokens, random)
        if sentence is None:
            run = next(run for run in self._longest if not own[0] <= self._first[run] < own[1])
            sentence = int(self._first[run]) + 1
        return sentence

    def segment(self, begin: int, num_tokens: int) -> np.ndarray:
        """Return the ids of sentences from `begin` on, until there are enough or none follows."""
        stop = min(self._stop(begin), begin + num_tokens)  # A sentence has a token or more.
        offsets = self._text.offsets[begin : stop + 1]
        enough = int(np.searchsorted(offsets, offsets[0] + num_tokens))
        return self._text.ids[int(offsets[0]) : int(offsets[min(enough, len(offsets) - 1)])]

    def _stop(self, sentence: int) -> int:
        """Return the sentence before which those that follow this one end."""
        return int(self._stops[np.searchsorted(self._stops, sentence, side="right")])

    def _choose_partners(self, runs: PairRuns) -> np.ndarray:
        """Choose the runs that provide second segments, and return how long that lets pairs be.

        Full runs serve full pairs; the two longest runs of different documents serve all pairs for
        which no other is long enough.
        """
        documents = np.searchsorted(self._document_starts, runs.first, side="right")
        rests = runs.tokens - self._first_lengths()
        longest = int(rests.argmax())
        others = documents != documents[longest]
        second = int(np.where(others, rests, 0).argmax())
        self._longest = longest, second
        most = np.where(others, rests[longest], rests[second]) + 1
        return np.minimum(np.minimum(runs.target, runs.tokens), most).astype("int32")

    def _first_lengths(self) -> np.ndarray:
        """Return the tokens of each run's first sentence."""
        first = self._first
        lengths = np.empty_like(first)
        for base, offsets, _ in blocks(self._text):
            low, high = np.searchsorted(first, [base, base + len(offsets) - 1])
            lengths[low:high] = np.diff(offsets)[first[low:high] - base]
        return lengths

    def _index_ends(self, is_whole: np.ndarray) -> None:
        """Index the sentences after which a document ends soon, by the tokens until then."""
        is_ending = np.isin(self._last, self._stops)
        self._is_ending = is_ending & is_whole  # Of runs that a pair takes whole.
        begins, left = [], []
        for base, offsets, _ in blocks(self._text):
            low, high = np.searchsorted(self._first, [base, base + len(offsets) - 1])
            ending = low + np.flatnonzero(is_ending[low:high])
            first, last = self._first[ending] + 1, self._last[ending]
            counts = last - first
            begin = np.repeat(last - np.cumsum(counts), counts) + np.arange(counts.sum())
            begins.append(begin.astype("int32"))
            left.append(offsets[np.repeat(last, counts) - base] - offsets[begin - base])
        tokens = np.concatenate(left).astype("int32")
        by_tokens = np.argsort(tokens, kind="stable")
        self._ends, self._end_tokens = np.concatenate(begins)[by_tokens], tokens[by_tokens]

    def _inside(self, own: np.ndarray, num_tokens: int, random: np.random.Generator) -> int | None:
        """Return a sentence of a full run outside the document `own`, if one is found."""
        first, last, offsets = self._first, self._last, self._text.offsets
        low, high = np.searchsorted(self._full, np.searchsorted(first, own))
        others = len(self._full) - int(high - low)
        for _ in range(MAX_ATTEMPTS if others else 0):
            sampled = int(random.integers(others))
            run = self._full[sampled + int(high - low) * (sampled >= low)]
            begins = offsets[first[run] + 1 : last[run] + 1]
            enough = np.flatnonzero(begins[-1] - begins[:-1] >= num_tokens)
            begin = int(first[run]) + 1 + (int(enough[-1]) if len(enough) else 0)
            if len(enough) or offsets[self._stop(begin)] - begins[0] >= num_tokens:
                return begin
        return None

    def _at_end(self, own: np.ndarray, num_tokens: int, random: np.random.Generator) -> int | None:
        """Return a sentence near an end of another document, with the fewest tokens that suffice.

        These are exactly `num_tokens` if there is such a sentence.
        """
        low = int(np.searchsorted(self._end_tokens, num_tokens))
        while low < len(self._ends):
            high = int(np.searchsorted(self._end_tokens, self._end_tokens[low], side="right"))
            ends = self._ends[low:high]
            ends = ends[(ends < own[0]) | (ends >= own[1])]
            if len(ends):
                return int(ends[random.integers(len(ends))])
            low = high
        return None
