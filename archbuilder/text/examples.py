"""How text becomes examples: segments of documents, pairs of segments, a source with its target.

Every kind has `lengths` [N, sides], by which examples are sorted, padded and packed, and `row`,
which makes the arrays of the example at an index.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from archbuilder.mistake import UserMistake

Overlong = Literal["split", "truncate", "drop", "refuse"]

BLOCK = 2**18
"""Sentences looked at together, about."""


class Examples(ABC):
    """The interface of examples."""

    form: ClassVar[str]
    """What they are made of: "documents" or "pairs"."""
    overlong: ClassVar[tuple[Overlong, ...]]
    """What can be done with text that is too long for an example; the first unless told."""
    sides: ClassVar[dict[str, tuple[str, ...]]]
    """The prefix of each side's names, and its arrays; the first of them are its token ids."""

    lengths: np.ndarray
    """Tokens of each example, special ones included, by side: [N, sides]."""
    left_out: dict[str, int]
    """What was changed or left out of the text, and how many times."""

    @abstractmethod
    def __init__(self, tokens, vocabularies, limits: "Limits"):
        """Those of the tokens of a text; `vocabularies` are the source's and the target's."""

    @abstractmethod
    def row(self, index: int, random) -> dict:
        """The example's arrays by name; `random` draws what is not settled once and for all."""


@dataclass(frozen=True)
class Limits:
    """How long an example may be, and what is done with text that is longer."""

    sequence_length: int
    overlong: Overlong


class Segments(Examples):
    """Runs of sentences of one document, as many as fit: start, tokens, end.

    Liu et al., 2019, section 4.2, "DOC-SENTENCES".
    """

    form = "documents"
    overlong = ("split", "truncate", "drop", "refuse")
    sides: ClassVar = {"": ("token_ids", "segment_ids")}

    def __init__(self, documents, vocabularies, limits: Limits):
        self.documents, self.vocabulary = documents, vocabularies[0]
        room = limits.sequence_length - 2
        blocks = [
            self._runs(offsets, ends, room, limits) for _, offsets, ends in _blocks(documents)
        ]
        self.begins = np.concatenate([begins for begins, _, _ in blocks])
        tokens = np.concatenate([tokens for _, tokens, _ in blocks])
        over = sum(over for _, _, over in blocks)
        self.left_out = _told(over, "sentences", limits)
        _some(len(tokens), limits)
        self.lengths = (tokens + 2)[:, None].astype("int32")

    def row(self, index, random):
        begin, tokens = self.begins[index], self.lengths[index, 0] - 2
        ids = self.documents.ids[begin : begin + tokens]
        token_ids = np.concatenate([[self.vocabulary.start_id], ids, [self.vocabulary.end_id]])
        return {"token_ids": token_ids, "segment_ids": np.zeros_like(token_ids)}

    @staticmethod
    def _runs(offsets, ends, room, limits):
        """Where each run begins in the ids, its tokens, and how many sentences are too long."""
        begin = np.arange(len(offsets) - 1)
        last = np.searchsorted(offsets, offsets[:-1] + room, side="right") - 1
        last = np.minimum(np.maximum(last, begin + 1), np.repeat(ends, np.diff([0, *ends])))
        first = _chain(last, np.array([0, *ends[:-1]]), ends)
        begins, tokens = offsets[first], offsets[last[first]] - offsets[first]
        over = tokens > room  # Such a run is a single sentence.
        if over.any():
            begins, tokens = _shorter(begins, tokens, room, limits.overlong)
        return begins, tokens, int(over.sum())


class Pairs(Examples):
    """Two segments, the second of them the first's continuation or text of another document.

    Devlin et al., 2018, appendix A.2: start, first segment, end, second segment, end. Which
    sentences begin a pair, and how long it shall be, is settled once; where it is split, and
    whether its second segment is a random one, is drawn each time.

    Neither length nor a cut-off end tells the classes apart: a pair that fills its length begins
    its second segment with a sentence and cuts it where it is full, in either class; one that does
    not, since its document ends, takes the end of a document for its second segment, in either
    class.
    """

    form = "documents"
    overlong = ("truncate", "drop", "refuse")
    sides: ClassVar = {"": ("token_ids", "segment_ids")}

    def __init__(self, documents, vocabularies, limits: Limits, short_rate: float):
        self.documents, self.vocabulary = documents, vocabularies[0]
        self.room = limits.sequence_length - 3
        if len(documents.documents) < 3:
            raise UserMistake("pairs of segments need at least two documents, a blank line between")
        single, over, parts = 0, 0, []
        for number, (base, offsets, ends) in enumerate(_blocks(documents)):
            drawn = np.random.default_rng([self.room, number])
            parts.append(_pair_runs(base, offsets, ends, self.room, short_rate, drawn))
            single += int((np.diff([0, *ends]) == 1).sum())
            over += int((np.diff(offsets) > self.room).sum())
        self.first, self.last, self.target, self.tokens = (
            np.concatenate(arrays) for arrays in zip(*parts, strict=True)
        )
        if limits.overlong == "drop" and over:
            self._drop_overlong()
        self.left_out = _told(over, "sentences", limits)
        if single:
            self.left_out["documents of one sentence left out: a pair needs two"] = single
        if not len(self.first):
            raise UserMistake("pairs of segments need documents of at least two sentences")
        del parts
        self._choose_partners()
        self.lengths = (np.minimum(self.tokens, self.target) + 3)[:, None].astype("int32")

    def row(self, index, random):
        first, second, is_random = self._pair(index, random)
        start, end = [self.vocabulary.start_id], [self.vocabulary.end_id]
        token_ids = np.concatenate([start, first, end, second, end])
        segment_ids = np.zeros_like(token_ids)
        segment_ids[len(first) + 2 :] = 1
        return {"token_ids": token_ids, "segment_ids": segment_ids, "random_next": is_random}

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

    def _drop_overlong(self):
        kept = [
            (np.diff(self.documents.sentences[first : last + 1]) <= self.room).all()
            for first, last in zip(self.first, self.last, strict=True)
        ]
        for name in ("first", "last", "target", "tokens"):
            setattr(self, name, getattr(self, name)[np.array(kept, dtype=bool)])


class Translations(Examples):
    """A source and its target.

    The encoder reads source, end; the decoder start, target, and is to write target, end.
    """

    form = "pairs"
    overlong = ("drop", "truncate", "refuse")
    sides: ClassVar = {
        "encoder_": ("encoder_token_ids",),
        "decoder_": ("decoder_token_ids", "decoder_targets"),
    }

    def __init__(self, pairs, vocabularies, limits: Limits):
        self.pairs, (self.source, self.target) = pairs, vocabularies
        self.room = limits.sequence_length - 1
        lengths = [np.diff(pairs.source_offsets[:]), np.diff(pairs.target_offsets[:])]
        lengths = np.stack(lengths, axis=1).astype("int32") + 1
        over = lengths.max(axis=1) > limits.sequence_length
        self.left_out = _told(int(over.sum()), "pairs", limits)
        keep = np.ones_like(over) if limits.overlong == "truncate" else ~over
        _some(int(keep.sum()), limits)
        self.kept = np.flatnonzero(keep).astype("int32")
        self.lengths = np.minimum(lengths[self.kept], limits.sequence_length)

    def row(self, index, random):
        place = self.kept[index]
        source = self._ids(self.pairs.source_ids, self.pairs.source_offsets, place)
        target = self._ids(self.pairs.target_ids, self.pairs.target_offsets, place)
        return {
            "encoder_token_ids": np.concatenate([source, [self.source.end_id]]),
            "decoder_token_ids": np.concatenate([[self.target.start_id], target]),
            "decoder_targets": np.concatenate([target, [self.target.end_id]]),
        }

    def _ids(self, ids, offsets, place):
        begin, end = offsets[place : place + 2]
        return ids[int(begin) : int(min(end, begin + self.room))]


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


def _blocks(documents) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Whole documents, about `BLOCK` sentences at a time.

    Gives the first sentence's number, where each of them begins in the ids (and the last one ends),
    and where each document ends among them.
    """
    starts = documents.documents[:]
    first = 0
    while first < len(starts) - 1:
        last = int(np.searchsorted(starts, starts[first] + BLOCK, side="right")) - 1
        last = max(last, first + 1)
        base = int(starts[first])
        offsets = documents.sentences[base : int(starts[last]) + 1]
        yield base, offsets, starts[first + 1 : last + 1] - base
        first = last


def _chain(following: np.ndarray, begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """From each of `begins`, the places that `following` leads to, up to its end in `ends`."""
    found, steps = [], following.tolist()
    for place, end in zip(begins.tolist(), ends.tolist(), strict=True):
        while place < end:
            found.append(place)
            place = steps[place]
    return np.array(found, dtype="int64")


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
    first = _chain(last, np.array([0, *ends[:-1]]), ends)
    first = first[last[first] - first > 1]
    tokens = offsets[last[first]] - offsets[first]
    found = (base + first, base + last[first], target[first], tokens)
    return tuple(array.astype("int32") for array in found)


def _shorter(begins, tokens, room: int, overlong: Overlong):
    """Runs of at most `room` tokens: what is longer is split, cut off or dropped."""
    if overlong == "truncate":
        return begins, np.minimum(tokens, room)
    if overlong == "drop":
        return begins[tokens <= room], tokens[tokens <= room]
    pieces = -(-tokens // room)
    within = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    begins, left = np.repeat(begins, pieces) + within * room, np.repeat(tokens, pieces)
    return begins, np.minimum(left - within * room, room)


_DONE = {"split": "split", "truncate": "cut off", "drop": "left out", "refuse": ""}


def _told(over: int, what: str, limits: Limits) -> dict[str, int]:
    """What happened to text that is too long; a mistake where it is refused."""
    longer = f"{what} of more than data.sequence_length {limits.sequence_length} tokens"
    if over and limits.overlong == "refuse":
        raise UserMistake(f"data.overlong: refuse: {over:,} {longer}")
    return {f"{longer} {_DONE[limits.overlong]}": over} if over else {}


def _some(examples: int, limits: Limits) -> None:
    if not examples:
        raise UserMistake(f"all of the text is over data.sequence_length {limits.sequence_length}")
