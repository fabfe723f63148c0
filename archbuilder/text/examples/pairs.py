"""Pairs of segments of documents: whether they follow each other, and in which order."""

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from archbuilder.mistake import UserMistake
from archbuilder.text.examples.documents import blocks, chain
from archbuilder.text.examples.examples import Examples, Limits, told


class Pairs(Examples):
    """The interface of pairs: start, first segment, end, second segment, end.

    Devlin et al., 2018, appendix A.2. Which sentences begin a pair, and how long it shall be, is
    settled once; where it is split, and of which class it is, is drawn each time.
    """

    form = "documents"
    overlong = ("truncate", "drop", "refuse")
    sides: ClassVar = {"": ("token_ids", "segment_ids")}

    def __init__(self, documents, vocabularies, limits: Limits, short_rate: float):
        self.documents, self.vocabulary = documents, vocabularies[0]
        self.room = limits.sequence_length - 3
        single, over, parts = 0, 0, []
        for number, (base, offsets, ends) in enumerate(blocks(documents)):
            drawn = np.random.default_rng([self.room, number])
            parts.append(_pair_runs(base, offsets, ends, self.room, short_rate, drawn))
            single += int((np.diff([0, *ends]) == 1).sum())
            over += int((np.diff(offsets) > self.room).sum())
        self.first, self.last, self.target, self.tokens = (
            np.concatenate(arrays) for arrays in zip(*parts, strict=True)
        )
        if limits.overlong == "drop" and over:
            self._drop_overlong()
        self.left_out = told(over, "sentences", limits)
        if single:
            self.left_out["documents of one sentence left out: a pair needs two"] = single
        if not len(self.first):
            raise UserMistake("pairs of segments need documents of at least two sentences")
        self.lengths = (np.minimum(self.tokens, self.target) + 3)[:, None].astype("int32")

    def row(self, index, random):
        first, second, pair_class = self._pair(index, random)
        start, end = [self.vocabulary.start_id], [self.vocabulary.end_id]
        token_ids = np.concatenate([start, first, end, second, end])
        segment_ids = np.zeros_like(token_ids)
        segment_ids[len(first) + 2 :] = 1
        return {"token_ids": token_ids, "segment_ids": segment_ids, "pair_class": pair_class}

    @abstractmethod
    def _pair(self, index: int, random) -> tuple[np.ndarray, np.ndarray, int]:
        """The first segment, the second, and the class, 0 or 1, that they are of."""

    def _drop_overlong(self):
        kept = [
            (np.diff(self.documents.sentences[first : last + 1]) <= self.room).all()
            for first, last in zip(self.first, self.last, strict=True)
        ]
        for name in ("first", "last", "target", "tokens"):
            setattr(self, name, getattr(self, name)[np.array(kept, dtype=bool)])


class NextPairs(Pairs):
    """The second segment is the first's continuation, class 0, or of another document, class 1.

    Neither length nor a cut-off end tells the classes apart: a pair that fills its length begins
    its second segment with a sentence and cuts it where it is full, in either class; one that does
    not, since its document ends, takes the end of a document for its second segment, in either
    class.
    """

    def __init__(self, documents, vocabularies, limits: Limits, short_rate: float):
        if len(documents.documents) < 3:
            raise UserMistake("pairs of segments need at least two documents, a blank line between")
        super().__init__(documents, vocabularies, limits, short_rate)
        self._choose_partners()

    def _pair(self, index, random):
        first, last, target = self.first[index], self.last[index], int(self.target[index])
        offsets = self.documents.sentences[first : last + 1]
        split = random.integers(1, last - first)
        is_random = int(random.integers(2))
        tokens = int(offsets[split] - offsets[0])
        if is_random:
            begin = self._elsewhere(index, tokens, int(offsets[-1] - offsets[split]), random)
        else:
            begin = first + split
        first_ids = self.documents.ids[int(offsets[0]) : int(offsets[split])]
        second_ids = self._continued(begin, max(target - tokens, 1))
        return *shortened(first_ids, second_ids, target, random), is_random

    def _continued(self, begin, needed: int):
        """Sentences from `begin` on, until `needed` tokens are there or the document ends."""
        end = int(np.searchsorted(self._starts, begin, side="right"))
        stop = min(int(self._starts[end]), begin + needed)  # A sentence has a token or more.
        offsets = self.documents.sentences[begin : stop + 1]
        enough = int(np.searchsorted(offsets, offsets[0] + needed))
        return self.documents.ids[int(offsets[0]) : int(offsets[min(enough, len(offsets) - 1)])]

    def _choose_partners(self):
        """Who may lend a second segment: full pairs to full ones, ends of documents to ends."""
        self._starts = self.documents.documents[:]
        full = self.tokens >= self.target
        self._full = np.flatnonzero(full & (self.tokens >= self.room)).astype("int32")
        ends = np.flatnonzero(~full).astype("int32")
        self._ends = ends[np.argsort(self.tokens[ends], kind="stable")]
        self._end_tokens = self.tokens[self._ends]
        if self._same_document(0)[1] == len(self.first):
            raise UserMistake("pairs of segments need two documents of at least two sentences")

    def _same_document(self, index) -> np.ndarray:
        """From which run to which the document of a run goes: [2]."""
        home = np.searchsorted(self._starts, self.first[index], side="right")
        return np.searchsorted(self.first, self._starts[home - 1 : home + 1].astype("int32"))

    def _elsewhere(self, index, tokens: int, rest: int, random) -> int:
        """The sentence with which a second segment begins, in a document other than `index`'s."""
        other = self._partner(index, random)
        offsets = self.documents.sentences[self.first[other] : self.last[other] + 1]
        left = offsets[-1] - offsets[1:-1]  # From each sentence but the first to the run's end.
        if self.tokens[index] >= self.target[index]:
            enough = np.flatnonzero(left >= self.target[index] - tokens)
            split = 1 + (int(enough[-1]) if len(enough) else 0)
        else:
            split = 1 + int(np.abs(left - rest).argmin())
        return int(self.first[other]) + split

    def _partner(self, index, random) -> int:
        low, high = here = self._same_document(index)
        if self.tokens[index] >= self.target[index]:
            among = self._full
            low, high = np.searchsorted(among, here.astype("int32"))
        else:  # Among those of about the same length, so that length is no sign.
            place = int(np.searchsorted(self._end_tokens, self.tokens[index]))
            near = max(8, len(self._ends) // 50)
            among = self._ends[max(place - near, 0) : place + near + 1]
            low = np.flatnonzero(among == index)[:1].sum()
            high = low + (among == index).sum()
        if len(among) == high - low:  # None of its kind elsewhere: any other document will do.
            among, (low, high) = range(len(self.first)), here
        drawn = int(random.integers(len(among) - (high - low)))
        return int(among[drawn + (high - low) * (drawn >= low)])


class OrderedPairs(Pairs):
    """Two segments that follow each other, as they stand, class 0, or swapped, class 1.

    Lan et al., 2020, section 3.1. Whichever of them is longer is cut, at either end, so that what
    is cut tells nothing of the order.
    """

    def _pair(self, index, random):
        first, last, target = self.first[index], self.last[index], int(self.target[index])
        offsets = self.documents.sentences[first : last + 1]
        split = random.integers(1, last - first)
        swapped = int(random.integers(2))
        ids = self.documents.ids[int(offsets[0]) : int(offsets[-1])]
        middle = int(offsets[split] - offsets[0])
        segments = (ids[middle:], ids[:middle]) if swapped else (ids[:middle], ids[middle:])
        return *shortened(*segments, target, random), swapped


def shortened(first, second, room: int, random):
    """Tokens dropped from either end of the longer segment until both fit into `room` tokens."""
    cut = [[0, len(first)], [0, len(second)]]
    surplus = len(first) + len(second) - room
    for front in random.random(max(surplus, 0)) < 0.5:
        (begin, end), (other_begin, other_end) = cut
        longer = cut[0] if end - begin > other_end - other_begin else cut[1]
        longer[0 if front else 1] += 1 if front else -1
    (begin, end), (other_begin, other_end) = cut
    return first[begin:end], second[other_begin:other_end]


def _pair_runs(base, offsets, ends, room, short_rate, random):
    """The runs of pairs: first and past-the-last sentence, tokens wanted, tokens there are.

    A run has two sentences or more, as many as it takes to have the tokens wanted.
    """
    count = len(offsets) - 1
    short = random.random(count) < short_rate
    target = np.where(short, random.integers(2, room + 1, count), room)
    begin, end = np.arange(count), np.repeat(ends, np.diff([0, *ends]))
    last = np.searchsorted(offsets, offsets[:-1] + target, side="left")
    last = np.minimum(np.maximum(last, begin + 2), end)
    last = np.where(end - last == 1, end, last)  # One sentence alone is no pair.
    first = chain(last, np.array([0, *ends[:-1]]), ends)
    first = first[last[first] - first > 1]
    tokens = offsets[last[first]] - offsets[first]
    found = (base + first, base + last[first], target[first], tokens)
    return tuple(array.astype("int32") for array in found)
