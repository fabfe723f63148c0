"""Pairs of segments of documents: whether they follow each other, and in which order."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from archbuilder.errors import UserError
from archbuilder.text.batch import PAIR_CLASS
from archbuilder.text.examples.documents import blocks, chain
from archbuilder.text.examples.examples import Examples, Limits, told

SPECIAL = 3
"""Tokens of a pair that are not its segments'."""
LOOKS = 8
"""Runs that are looked at for one that lends a long enough second segment."""


class Pairs(Examples):
    """The interface of pairs: start, first segment, end, second segment, end.

    Devlin et al., 2018, appendix A.2. Which sentences begin a pair, and how long it shall be, is
    settled once; where it is split, and of which class it is, is drawn each time.
    """

    form = "documents"
    overlong = ("truncate", "drop", "refuse")
    sides: ClassVar = {"": ("token_ids", "segment_ids")}
    columns = (PAIR_CLASS,)
    crossing: ClassVar[float] = 1.0
    """Share of runs that go on until they have the tokens wanted; others have no more."""

    def __init__(self, documents, vocabularies, limits: Limits, short_rate: float):
        self.documents, self.vocabulary = documents, vocabularies[0]
        self.room = limits.sequence_length - SPECIAL
        self.first, self.last, target, tokens, self._stops = self._runs(limits, short_rate)
        if not len(self.first):
            raise self._lacking("documents of at least two sentences")
        self.lengths = (self._settled(np.minimum(target, tokens), tokens) + SPECIAL)[:, None]

    def _runs(self, limits: Limits, short_rate: float) -> Iterator[np.ndarray]:
        """The first and past-the-last sentence of each run, tokens wanted and tokens there are.

        Last comes where sentences stop that may stand in one run; what is left out is counted.
        """
        documents, drop = self.documents, limits.overlong == "drop"
        single, apart, over, parts = 0, 0, 0, []
        for number, (base, offsets, ends) in enumerate(blocks(documents)):
            drawn = np.random.default_rng([self.room, number])
            long = np.diff(offsets) > self.room
            stops = _with_gaps(ends, np.flatnonzero(long)) if drop else ends
            found = _pair_runs(base, offsets, stops, self.room, short_rate, drawn, self.crossing)
            parts.append((*found, (base + stops).astype("int32")))
            over += int(long.sum())
            alone = _alone(stops)
            alone = alone[~long[alone]] if drop else alone
            documents_alone = int(np.isin(alone, _alone(ends)).sum())
            single, apart = single + documents_alone, apart + len(alone) - documents_alone
        self.left_out = told(over, "sentences", limits)
        if single:
            self.left_out["documents of one sentence left out: a pair needs two"] = single
        if apart:
            self.left_out["sentences left out that have no other beside them"] = apart
        return (np.concatenate(arrays) for arrays in zip(*parts, strict=True))

    def _settled(self, target: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """How many of the `tokens` of each run its pair has, where it may have `target`."""
        return target

    def _lacking(self, what: str) -> UserError:
        why = ", ".join(f"{count:,} {reason}" for reason, count in self.left_out.items())
        return UserError(f"pairs of segments need {what}" + (f" ({why})" if why else ""))

    def row(self, index, random):
        first, second, pair_class = self._pair(index, random)
        start, end = [self.vocabulary.start_id], [self.vocabulary.end_id]
        token_ids = np.concatenate([start, first, end, second, end])
        segment_ids = np.zeros_like(token_ids)
        segment_ids[len(first) + 2 :] = 1
        return {"token_ids": token_ids, "segment_ids": segment_ids, PAIR_CLASS: pair_class}

    def _run(self, index: int) -> tuple[int, int, int]:
        """The first sentence of a pair's run, the one past its last, and the pair's tokens."""
        return self.first[index], self.last[index], int(self.lengths[index, 0]) - SPECIAL

    @abstractmethod
    def _pair(self, index: int, random) -> tuple[np.ndarray, np.ndarray, int]:
        """The first segment, the second, and the class, 0 or 1, that they are of."""


class NextPairs(Pairs):
    """The second segment is the first's continuation, class 0, or of another document, class 1.

    Neither length nor a cut-off end tells the classes apart: a pair is as long in either class. One
    that fills its length begins its second segment with a sentence and cuts it where it is full;
    one that does not, since its document ends, takes for its second segment an end of a document,
    as long as its own where there is one.
    """

    def __init__(self, documents, vocabularies, limits: Limits, short_rate: float):
        if len(documents.documents) < 3:
            raise UserError("pairs of segments need at least two documents, a blank line between")
        super().__init__(documents, vocabularies, limits, short_rate)

    def _settled(self, target, tokens):
        self._starts = self.documents.documents[:]
        target = self._choose_partners(target, tokens)
        self._choose_ends(target == tokens)
        return target

    def _pair(self, index, random):
        first, last, target = self._run(index)
        offsets = self.documents.sentences[first : last + 1]
        split = random.integers(1, last - first)
        is_random = int(random.integers(2))
        needed = max(target - int(offsets[split] - offsets[0]), 1)
        begin = self._elsewhere(index, needed, random) if is_random else int(first + split)
        first_ids = self.documents.ids[int(offsets[0]) : int(offsets[split])]
        second_ids = self._continued(begin, needed)
        return *shortened(first_ids, second_ids, target, random), is_random

    def _continued(self, begin: int, needed: int):
        """Sentences from `begin` on, until `needed` tokens are there or none follows."""
        stop = min(self._stop(begin), begin + needed)  # A sentence has a token or more.
        offsets = self.documents.sentences[begin : stop + 1]
        enough = int(np.searchsorted(offsets, offsets[0] + needed))
        return self.documents.ids[int(offsets[0]) : int(offsets[min(enough, len(offsets) - 1)])]

    def _stop(self, sentence: int) -> int:
        """The sentence before which those end that follow each other."""
        return int(self._stops[np.searchsorted(self._stops, sentence, side="right")])

    def _choose_partners(self, target, tokens):
        """Who may lend a second segment to whom; gives how long that lets each pair be.

        Full pairs lend to full ones; the two runs of different documents that go on for longest,
        to all whom no other can lend enough.
        """
        self._full = np.flatnonzero(tokens >= self.room).astype("int32")
        homes = np.searchsorted(self._starts, self.first, side="right")
        rests = tokens - self._first_lengths()
        longest = int(rests.argmax())
        others = homes != homes[longest]
        if not others.any():
            raise self._lacking("two documents of at least two sentences")
        second = int(np.where(others, rests, 0).argmax())
        self._longest = longest, second
        most = np.where(others, rests[longest], rests[second]) + 1
        return np.minimum(target, most).astype("int32")

    def _first_lengths(self):
        """The tokens of each run's first sentence."""
        found = np.empty_like(self.first)
        for base, offsets, _ in blocks(self.documents):
            low, high = np.searchsorted(self.first, [base, base + len(offsets) - 1])
            found[low:high] = np.diff(offsets)[self.first[low:high] - base]
        return found

    def _choose_ends(self, whole):
        """Where sentences begin from which on a document ends soon, by the tokens till then."""
        ending = np.isin(self.last, self._stops)
        self._ending = ending & whole  # Of runs that a pair takes whole.
        begins, left = [], []
        for base, offsets, _ in blocks(self.documents):
            low, high = np.searchsorted(self.first, [base, base + len(offsets) - 1])
            runs = low + np.flatnonzero(ending[low:high])
            first, last = self.first[runs] + 1, self.last[runs]
            counts = last - first
            begin = np.repeat(last - np.cumsum(counts), counts) + np.arange(counts.sum())
            begins.append(begin.astype("int32"))
            left.append(offsets[np.repeat(last, counts) - base] - offsets[begin - base])
        tokens = np.concatenate(left).astype("int32")
        by_tokens = np.argsort(tokens, kind="stable")
        self._ends, self._end_tokens = np.concatenate(begins)[by_tokens], tokens[by_tokens]

    def _elsewhere(self, index: int, needed: int, random) -> int:
        """The sentence in another document from which on there are `needed` tokens or more."""
        home = int(np.searchsorted(self._starts, self.first[index], side="right"))
        within = self._starts[home - 1 : home + 1].astype("int32")
        choose = self._end if self._ending[index] else self._inside
        found = choose(within, needed, random)
        if found is None:
            run = next(run for run in self._longest if not within[0] <= self.first[run] < within[1])
            found = int(self.first[run]) + 1
        return found

    def _inside(self, within, needed: int, random) -> int | None:
        low, high = np.searchsorted(self._full, np.searchsorted(self.first, within))
        others = len(self._full) - int(high - low)
        for _ in range(LOOKS if others else 0):
            drawn = int(random.integers(others))
            run = self._full[drawn + int(high - low) * (drawn >= low)]
            offsets = self.documents.sentences[self.first[run] + 1 : self.last[run] + 1]
            enough = np.flatnonzero(offsets[-1] - offsets[:-1] >= needed)
            begin = int(self.first[run]) + 1 + (int(enough[-1]) if len(enough) else 0)
            if len(enough) or self.documents.sentences[self._stop(begin)] - offsets[0] >= needed:
                return begin
        return None

    def _end(self, within, needed: int, random) -> int | None:
        """One with exactly so many tokens where there is, else with the fewest that are enough."""
        low = int(np.searchsorted(self._end_tokens, needed))
        while low < len(self._ends):
            high = int(np.searchsorted(self._end_tokens, self._end_tokens[low], side="right"))
            among = self._ends[low:high]
            among = among[(among < within[0]) | (among >= within[1])]
            if len(among):
                return int(among[random.integers(len(among))])
            low = high
        return None


class OrderedPairs(Pairs):
    """Two segments that follow each other, as they stand, class 0, or swapped, class 1.

    Lan et al., 2020, section 3.1. Neither lengths nor what is cut tell the order: a sentence that
    crosses a length is longer than most, and is as often the last of a run as the first of the
    next; and whichever segment is longer is cut, at either end.
    """

    crossing = 0.5

    def _pair(self, index, random):
        first, last, target = self._run(index)
        offsets = self.documents.sentences[first : last + 1]
        split = random.integers(1, last - first)
        swapped = int(random.integers(2))
        ids = self.documents.ids[int(offsets[0]) : int(offsets[-1])]
        middle = int(offsets[split] - offsets[0])
        segments = (ids[middle:], ids[:middle]) if swapped else (ids[:middle], ids[middle:])
        return *shortened(*segments, target, random), swapped


def shortened(first, second, room: int, random):
    """Tokens dropped from either end of the longer segment until both fit into `room` tokens."""
    surplus, gap = max(len(first) + len(second) - room, 0), len(first) - len(second)
    alone = min(surplus, abs(gap))
    dropped = (surplus - alone) // 2 + alone * (gap > 0)  # Once they are equally long, by turns.
    return _trimmed(first, dropped, random), _trimmed(second, surplus - dropped, random)


def _trimmed(ids, surplus: int, random):
    front = int(random.binomial(surplus, 0.5))
    return ids[front : len(ids) - (surplus - front)]


def _alone(ends) -> np.ndarray:
    """The sentences before and behind which something ends."""
    return ends[np.diff(ends, prepend=0) == 1] - 1


def _with_gaps(ends, sentences) -> np.ndarray:
    """The ends, and one before and one behind each of the sentences."""
    found = np.unique(np.concatenate([ends, sentences, sentences + 1]))
    return found[found > 0]


def _pair_runs(base, offsets, ends, room, short_rate, random, crossing):
    """The runs of pairs: first and past-the-last sentence, tokens wanted, tokens there are.

    A run has two sentences or more: as many as it takes to have the tokens wanted, for a share
    `crossing` of them, or as many as have no more.
    """
    count = len(offsets) - 1
    short = random.random(count) < short_rate
    target = np.where(short, random.integers(2, room + 1, count), room)
    begin, end = np.arange(count), np.repeat(ends, np.diff([0, *ends]))
    last = np.searchsorted(offsets, offsets[:-1] + target, side="left")
    if crossing < 1:
        within = np.searchsorted(offsets, offsets[:-1] + target, side="right") - 1
        last = np.where(random.random(count) < crossing, last, within)
    last = np.minimum(np.maximum(last, begin + 2), end)
    last = np.where(end - last == 1, end, last)  # One sentence alone is no pair.
    first = chain(last, np.array([0, *ends[:-1]]), ends)
    first = first[last[first] - first > 1]
    tokens = offsets[last[first]] - offsets[first]
    found = (base + first, base + last[first], target[first], tokens)
    return tuple(array.astype("int32") for array in found)
