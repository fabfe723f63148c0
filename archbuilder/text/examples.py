"""How text becomes examples: packed segments, pairs of segments, or a source with its target.

Every kind has `lengths` [N, keys], by which batches are sorted and padded, and `collate`, which
makes the arrays of a batch out of the examples at some indices.
"""

import numpy as np

from archbuilder.mistake import UserMistake


class Segments:
    """Runs of sentences of one document, as many as fit: start, tokens, end.

    Liu et al., 2019, section 4.2, "DOC-SENTENCES".
    """

    def __init__(self, documents, vocabulary, sequence_length: int):
        self.documents, self.vocabulary = documents, vocabulary
        self.room = sequence_length - 2
        self.runs = runs(documents, self.room)
        offsets = documents.sentences
        tokens = offsets[self.runs[:, 1]] - offsets[self.runs[:, 0]]
        self.lengths = (np.minimum(tokens, self.room) + 2)[:, None]

    def collate(self, indices, random) -> dict:
        rows = []
        for first, last in self.runs[indices]:
            tokens = between(self.documents, first, last)[: self.room]
            rows.append([self.vocabulary.start_id, *tokens, self.vocabulary.end_id])
        token_ids, padding_mask = padded(rows, self.vocabulary.padding_id)
        return {
            "token_ids": token_ids,
            "padding_mask": padding_mask,
            "segment_ids": np.zeros_like(token_ids),
        }


class Pairs:
    """Two segments, the second of them the first's continuation or text of another document.

    Devlin et al., 2018, appendix A.2: start, first segment, end, second segment, end. Which
    sentences stand together is settled once; where they are split, and whether the second segment
    is a random one, is drawn each time. Neither length nor a cut-off end tells the classes apart:
    both are whole sentences of about the same length, shortened in the same way where too long.
    """

    def __init__(self, documents, vocabulary, sequence_length: int):
        self.documents, self.vocabulary = documents, vocabulary
        self.room = sequence_length - 3
        if len(documents.documents) < 3:
            raise UserMistake("pairs of segments need at least two documents, a blank line between")
        self.runs = long_runs(documents, self.room)
        if not len(self.runs):
            raise UserMistake("pairs of segments need documents of at least two sentences")
        offsets = documents.sentences
        tokens = offsets[self.runs[:, 1]] - offsets[self.runs[:, 0]]
        self.lengths = (np.minimum(tokens, self.room) + 3)[:, None]

    def collate(self, indices, random) -> dict:
        rows, segments = [], []
        random_next = random.integers(0, 2, len(indices))
        for index, is_random in zip(indices, random_next, strict=True):
            first, second = self._pair(self.runs[index], is_random, random)
            start, end = self.vocabulary.start_id, self.vocabulary.end_id
            rows.append([start, *first, end, *second, end])
            segments.append([0] * (len(first) + 2) + [1] * (len(second) + 1))
        token_ids, padding_mask = padded(rows, self.vocabulary.padding_id)
        return {
            "token_ids": token_ids,
            "padding_mask": padding_mask,
            "segment_ids": padded(segments, 0)[0],
            "random_next": random_next.astype("int32"),
        }

    def _pair(self, run, is_random, random):
        first_sentence, last_sentence = run
        split = random.integers(first_sentence + 1, last_sentence)
        first = between(self.documents, first_sentence, split)
        second = between(self.documents, split, last_sentence)
        if is_random:
            second = self._elsewhere(first_sentence, len(second), random)
        return shortened(first, second, self.room, random)

    def _elsewhere(self, sentence, tokens, random):
        """Whole sentences of another document, about `tokens` tokens of them if it has as many.

        Documents are drawn by their size, as first segments are, so that no kind of text is a sign
        of either class.
        """
        starts, offsets = self.documents.documents, self.documents.sentences
        here = np.searchsorted(starts, sentence, side="right") - 1
        inside = starts[here + 1] - starts[here]
        drawn = random.integers(0, len(offsets) - 1 - inside)
        drawn += inside * (drawn >= starts[here])
        there = np.searchsorted(starts, drawn, side="right") - 1
        end = starts[there + 1]
        latest = np.searchsorted(offsets[starts[there] : end], offsets[end] - tokens, side="right")
        first = min(drawn, starts[there] + max(latest - 1, 0))
        nearest = np.abs(offsets[first + 1 : end + 1] - (offsets[first] + tokens)).argmin()
        return between(self.documents, first, first + 1 + nearest)


class Translations:
    """A source and its target: source, end; for the decoder, start and target, to give target, end.

    Pairs longer than `sequence_length` on either side are left out; `dropped` counts them.
    """

    def __init__(self, pairs, vocabulary, sequence_length: int):
        self.pairs, self.vocabulary = pairs, vocabulary
        source, target = np.diff(pairs.source_offsets) + 1, np.diff(pairs.target_offsets) + 1
        self.kept = np.flatnonzero(np.maximum(source, target) <= sequence_length)
        self.dropped = len(source) - len(self.kept)
        if not len(self.kept):
            raise UserMistake(
                f"all {len(source)} pairs are over data.sequence_length {sequence_length}"
            )
        self.lengths = np.stack([source, target], axis=1)[self.kept]

    def collate(self, indices, random) -> dict:
        pairs, vocabulary = self.pairs, self.vocabulary
        sources, inputs, targets = [], [], []
        for row in self.kept[indices]:
            source = pairs.source_ids[pairs.source_offsets[row] : pairs.source_offsets[row + 1]]
            target = pairs.target_ids[pairs.target_offsets[row] : pairs.target_offsets[row + 1]]
            sources.append([*source, vocabulary.end_id])
            inputs.append([vocabulary.start_id, *target])
            targets.append([*target, vocabulary.end_id])
        encoder_ids, encoder_mask = padded(sources, vocabulary.padding_id)
        decoder_ids, decoder_mask = padded(inputs, vocabulary.padding_id)
        return {
            "encoder_token_ids": encoder_ids,
            "encoder_padding_mask": encoder_mask,
            "decoder_token_ids": decoder_ids,
            "decoder_padding_mask": decoder_mask,
            "decoder_targets": padded(targets, vocabulary.padding_id)[0],
        }


def runs(documents, room: int) -> np.ndarray:
    """First and past-the-last sentence of each run [N, 2]: sentences of one document, in order,
    as many as fit into `room` tokens, or a single one that does not."""

    def end_of(first, offsets):
        last = int(np.searchsorted(offsets, offsets[first] + room, side="right")) - 1
        return max(last, first + 1)

    return _runs(documents, end_of, least=1)


def long_runs(documents, room: int) -> np.ndarray:
    """Like `runs`, but of two sentences or more, as many as it takes to fill `room` tokens."""

    def end_of(first, offsets):
        last = int(np.searchsorted(offsets, offsets[first] + room, side="left"))
        return max(last, first + 2)

    return _runs(documents, end_of, least=2)


def _runs(documents, end_of, least: int) -> np.ndarray:
    found = []
    for start, end in zip(documents.documents[:-1], documents.documents[1:], strict=True):
        offsets = np.asarray(documents.sentences[start : end + 1])
        first, count = 0, end - start
        while count - first >= least:
            last = min(end_of(first, offsets), count)
            if 0 < count - last < least:  # A rest too short to stand alone belongs to this run.
                last = count
            found.append((start + first, start + last))
            first = last
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def between(documents, first: int, last: int) -> np.ndarray:
    """The token ids of the sentences from `first` up to, not including, `last`."""
    return documents.ids[documents.sentences[first] : documents.sentences[last]]


def shortened(first, second, room: int, random):
    """Tokens dropped from either end of the longer segment until both fit into `room` tokens."""
    while len(first) + len(second) > room:
        front = random.random() < 0.5
        if len(first) > len(second):
            first = first[1:] if front else first[:-1]
        else:
            second = second[1:] if front else second[:-1]
    return first, second


def padded(rows: list, padding_id: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of ids as int32 [B, T], and int32 [B, T] with 1 at real tokens and 0 at padding."""
    lengths = np.array([len(row) for row in rows])
    mask = np.arange(lengths.max()) < lengths[:, None]
    token_ids = np.full(mask.shape, padding_id, dtype="int32")
    token_ids[mask] = np.concatenate(rows)
    return token_ids, mask.astype("int32")


EXAMPLES = {"segments": Segments, "pairs": Pairs, "parallel": Translations}
