"""Corrupted text: the encoder reads what is left of it, the decoder reconstructs it."""

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from archbuilder.errors import UserError
from archbuilder.text.batch import DECODER_TARGETS
from archbuilder.text.examples.documents import blocks, runs
from archbuilder.text.examples.examples import Examples, Limits
from archbuilder.text.examples.spans import (
    Corruption,
    lengths_of,
    parted,
    places_of,
    poisson_lengths_of,
)
from archbuilder.text.record import DOCUMENTS
from archbuilder.text.token_store import Tokens
from archbuilder.text.vocabulary import Vocabulary


class CorruptedText(Examples):
    """The interface of these: runs of sentences, corrupted at random each time."""

    needs = DOCUMENTS
    overlong = ("split", "truncate", "drop", "refuse")
    sides: ClassVar = {
        "encoder_": ("encoder_token_ids",),
        "decoder_": ("decoder_token_ids", DECODER_TARGETS),
    }
    columns = (DECODER_TARGETS,)

    vocabulary: Vocabulary
    """The vocabulary of source and target."""

    def row(self, index: int, random: np.random.Generator) -> dict[str, Any]:
        source, target = self._corrupted(index, random)
        return {
            "encoder_token_ids": source,
            "decoder_token_ids": np.concatenate([[self.vocabulary.start_id], target[:-1]]),
            DECODER_TARGETS: target,
        }

    @abstractmethod
    def _corrupted(self, index: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return what the encoder reads, and what the decoder is to write."""


class CorruptedSpans(CorruptedText):
    """Spans replaced by sentinels; the target is the spans, each after its sentinel.

    Raffel et al., 2020, section 3.1.4: one sentinel more marks the target's end. Runs are longer
    than data.sequence_length, so that what is left of them fills it.
    """

    def __init__(
        self,
        tokens: Tokens,
        vocabularies: tuple[Vocabulary, Vocabulary],
        limits: Limits,
        corruption: Corruption,
    ):
        self.text, (self.vocabulary, _) = tokens.sentences, vocabularies
        self.corruption = corruption
        max_tokens = longest_run(limits.sequence_length, corruption)
        self.sentinels = np.array(self.vocabulary.sentinel_ids, dtype="int32")
        needed = sentinels_needed(limits.sequence_length, corruption)
        if len(self.sentinels) < needed:
            raise UserError(
                f"the tokenizer has {len(self.sentinels)} of the {needed} sentinels, <extra_id_0> "
                "and so on, that take the place of spans: take one that has them, or train one "
                f"with 'sentinels: {needed}'"
            )
        self.begins, self.tokens, self.skipped = runs(self.text, max_tokens, limits)
        self.lengths = lengths_with_sentinels(self.tokens, corruption).astype("int32")

    def _corrupted(self, index: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        begin, tokens = self.begins[index], int(self.tokens[index])
        hidden, spans = int(self.corruption.hidden(tokens)), int(self.corruption.spans(tokens))
        lengths = lengths_of(hidden, spans, random)
        places = places_of(spans, tokens - hidden, 1, random)
        left, taken = parted(self.text.ids[begin : begin + tokens], lengths, places)
        end, sentinels = self.vocabulary.end_id, self.sentinels[:spans]
        source = np.insert(left, places, sentinels)
        target = np.insert(taken, np.cumsum(lengths) - lengths, sentinels)
        return np.append(source, end), np.append(target, [self.sentinels[spans], end])


def lengths_with_sentinels(tokens: np.ndarray, corruption: Corruption) -> np.ndarray:
    """Return the tokens of source and target, [N, 2], of runs of `tokens` tokens, [N]."""
    hidden, spans = corruption.hidden(tokens), corruption.spans(tokens)
    return np.stack([tokens - hidden + spans + 1, hidden + spans + 2], axis=1)


def longest_run(sequence_length: int, corruption: Corruption) -> int:
    """Return the most tokens of text of which neither source nor target is over the length.

    So does T5's reference implementation: 568 tokens for a source of 512.
    """
    tokens = np.arange(1, int(sequence_length / (1 - corruption.rate)) + 3)
    fits = (lengths_with_sentinels(tokens, corruption) <= sequence_length).all(axis=1)
    return int(np.argmin(fits)) if not fits.all() else len(tokens)


def sentinels_needed(sequence_length: int, corruption: Corruption) -> int:
    """Return the sentinels needed: one for each span of the longest run, and one for the end."""
    return int(corruption.spans(longest_run(sequence_length, corruption))) + 1


class NoisyText(CorruptedText):
    """Spans, some of them empty, each replaced by one mask, and sentences in any order.

    Lewis et al., 2020, section 2.2, "text infilling" and "sentence permutation"; the target is the
    text as it was. The encoder reads start, text, end.
    """

    def __init__(
        self,
        tokens: Tokens,
        vocabularies: tuple[Vocabulary, Vocabulary],
        limits: Limits,
        corruption: Corruption,
        permute: bool,
    ):
        self.text, (self.vocabulary, _) = tokens.sentences, vocabularies
        if self.vocabulary.mask_id is None:
            raise UserError("the tokenizer has no mask token to stand for spans")
        self.mask_id = self.vocabulary.mask_id
        self.corruption, self.permute = corruption, permute
        self.begins, self.tokens, self.skipped = runs(self.text, limits.sequence_length - 2, limits)
        self.sentences = np.concatenate([self._sentences(*block) for block in blocks(self.text)])
        read = self.tokens - corruption.hidden(self.tokens) + corruption.infills(self.tokens)
        self.lengths = np.stack([read + 2, self.tokens + 1], axis=1).astype("int32")

    def _sentences(self, base: int, offsets: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Return the first sentence of each run in a block."""
        first, last = np.searchsorted(self.begins, offsets[[0, -1]])
        return base + np.searchsorted(offsets, self.begins[first:last], side="right") - 1

    def _corrupted(self, index: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        begin, tokens = self.begins[index], int(self.tokens[index])
        ids = self.text.ids[begin : begin + tokens]
        noisy = self._permuted(index, ids, random) if self.permute else ids
        hidden, spans = int(self.corruption.hidden(tokens)), int(self.corruption.infills(tokens))
        lengths = poisson_lengths_of(hidden, spans, random)
        places = places_of(len(lengths), tokens - int(lengths.sum()), 0, random)
        left, _ = parted(noisy, lengths, places)
        noisy = np.insert(left, places, self.mask_id)
        start, end = [self.vocabulary.start_id], [self.vocabulary.end_id]
        return np.concatenate([start, noisy, end]), np.append(ids, end)

    def _permuted(self, index: int, ids: np.ndarray, random: np.random.Generator) -> np.ndarray:
        first, begin = int(self.sentences[index]), int(self.begins[index])
        ends = self.text.offsets[first + 1 : first + len(ids)] - begin
        sentences = np.split(ids, ends[ends < len(ids)])
        return np.concatenate([sentences[place] for place in random.permutation(len(sentences))])
