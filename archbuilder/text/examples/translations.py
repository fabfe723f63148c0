"""Translations: a source, and the target that it is to become."""

from typing import ClassVar

import numpy as np

from archbuilder.text.batch import DECODER_TARGETS
from archbuilder.text.examples.examples import Examples, Limits, some, told


class Translations(Examples):
    """A source and its target.

    The encoder reads source, end; the decoder start, target, and is to write target, end.
    """

    form = "pairs"
    overlong = ("drop", "truncate", "refuse")
    sides: ClassVar = {
        "encoder_": ("encoder_token_ids",),
        "decoder_": ("decoder_token_ids", DECODER_TARGETS),
    }
    columns = (DECODER_TARGETS,)

    def __init__(self, pairs, vocabularies, limits: Limits):
        self.pairs, (self.source, self.target) = pairs, vocabularies
        self.room = limits.sequence_length - 1
        lengths = [np.diff(pairs.source_offsets[:]), np.diff(pairs.target_offsets[:])]
        lengths = np.stack(lengths, axis=1).astype("int32") + 1
        over = lengths.max(axis=1) > limits.sequence_length
        self.left_out = told(int(over.sum()), "pairs", limits)
        keep = np.ones_like(over) if limits.overlong == "truncate" else ~over
        some(int(keep.sum()), limits)
        self.kept = np.flatnonzero(keep).astype("int32")
        self.lengths = np.minimum(lengths[self.kept], limits.sequence_length)

    def row(self, index, random):
        place = self.kept[index]
        source = self._ids(self.pairs.source_ids, self.pairs.source_offsets, place)
        target = self._ids(self.pairs.target_ids, self.pairs.target_offsets, place)
        return {
            "encoder_token_ids": np.concatenate([source, [self.source.end_id]]),
            "decoder_token_ids": np.concatenate([[self.target.start_id], target]),
            DECODER_TARGETS: np.concatenate([target, [self.target.end_id]]),
        }

    def _ids(self, ids, offsets, place):
        begin, end = offsets[place : place + 2]
        return ids[int(begin) : int(min(end, begin + self.room))]
