"""Corrupted text: the encoder reads corrupted text, and the decoder reconstructs it."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from typing_extensions import override

from archbuilder.errors import UserError
from archbuilder.text.batch import DECODER_TARGETS
from archbuilder.text.examples.documents import blocks, sentence_runs
from archbuilder.text.examples.examples import Examples, Limits
from archbuilder.text.examples.spans import (
    Corruption,
    sample_poisson_lengths,
    sample_span_lengths,
    sample_span_positions,
    split_spans,
)
from archbuilder.text.record import DOCUMENTS
from archbuilder.text.token_store import Tokens
from archbuilder.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from numpy.random import Generator


class CorruptedText(Examples):
    """Interface of examples of corrupted text: runs of sentences, corrupted at random each time."""

    needs = DOCUMENTS
    overlong = ("split", "truncate", "drop", "refuse")
    sides: ClassVar = {
        "encoder_": ("encoder_token_ids",),
        "decoder_": ("decoder_token_ids", DECODER_TARGETS),
    }
    columns = (DECODER_TARGETS,)

    vocabulary: Vocabulary
    """Vocabulary of source and target."""

    @override
    def row(self, index: int, random: "Generator") -> dict[str, Any]:
        source, target = self._corrupted(index, random)
        return {
            "encoder_token_ids": source,
            "decoder_token_ids": np.concatenate([[self.vocabulary.start_id], target[:-1]]),
            DECODER_TARGETS: target,
        }

    @abstractmethod
    def _corrupted(self, index: int, random: "Generator") -> tuple[np.ndarray, np.ndarray]:
        """Return the ids that the encoder reads and those that the decoder predicts."""


class CorruptedSpans(CorruptedText):
    """Text with each span replaced by a sentinel; the target is the spans with their sentinels.

    Raffel et al., 2020, section 3.1.4. Each span of the target follows its sentinel, and one more
    sentinel marks the end. Runs are longer than data.sequence_length, so that their corrupted text
    fills it.
    """

    def __init__(
        self,
        tokens: Tokens,
        vocabularies: tuple[Vocabulary, Vocabulary],
        limits: Limits,
        corruption: Corruption,
    ) -> None:
        """Split the text into runs.

        Args:
            tokens: The tokens of documents.
            vocabularies: The vocabularies of source and target, which are the same.
            limits: The maximum length of an example.
            corruption: The amount of text that is corrupted.

        Raises:
            UserError: The vocabulary has too few sentinels, or the text yields no example.
        """
        self.text, (self.vocabulary, _) = tokens.sentences, vocabularies
        self.corruption = corruption
        max_tokens = max_run_tokens(limits.sequence_length, corruption)
        self.sentinels = np.array(self.vocabulary.sentinel_ids, dtype="int32")
        required = num_sentinels(limits.sequence_length, corruption)
        if len(self.sentinels) < required:
            raise UserError(
                f"the tokenizer has {len(self.sentinels)} of the {required} sentinel tokens "
                "(<extra_id_0>, <extra_id_1>, ...) that replace spans; use a tokenizer with "
                f"{required} sentinels, or train one with 'sentinels: {required}'"
            )
        self.starts, self.tokens, self.skipped = sentence_runs(self.text, max_tokens, limits)
        self.lengths = corrupted_lengths(self.tokens, corruption).astype("int32")

    @override
    def _corrupted(self, index: int, random: "Generator") -> tuple[np.ndarray, np.ndarray]:
        start, tokens = self.starts[index], int(self.tokens[index])
        corrupted = int(self.corruption.num_corrupted(tokens))
        spans = int(self.corruption.num_spans(tokens))
        lengths = sample_span_lengths(corrupted, spans, random)
        positions = sample_span_positions(spans, tokens - corrupted, 1, random)
        intact, span_ids = split_spans(self.text.ids[start : start + tokens], lengths, positions)
        end, sentinels = self.vocabulary.end_id, self.sentinels[:spans]
        source = np.insert(intact, positions, sentinels)
        target = np.insert(span_ids, np.cumsum(lengths) - lengths, sentinels)
        return np.append(source, end), np.append(target, [self.sentinels[spans], end])


def corrupted_lengths(tokens: np.ndarray, corruption: Corruption) -> np.ndarray:
    """Return the numbers of tokens of source and target, [N, 2], for runs of `tokens`, [N]."""
    corrupted, spans = corruption.num_corrupted(tokens), corruption.num_spans(tokens)
    return np.stack([tokens - corrupted + spans + 1, corrupted + spans + 2], axis=1)


def max_run_tokens(sequence_length: int, corruption: Corruption) -> int:
    """Return the length of the longest run whose source and target fit into the sequence length.

    T5's reference implementation computes the same: 568 tokens for a source of 512.
    """
    tokens = np.arange(1, int(sequence_length / (1 - corruption.rate)) + 3)
    fits = (corrupted_lengths(tokens, corruption) <= sequence_length).all(axis=1)
    return int(np.argmin(fits)) if not fits.all() else len(tokens)


def num_sentinels(sequence_length: int, corruption: Corruption) -> int:
    """Return the number of sentinels needed: one per span of the longest run, and a final one."""
    return int(corruption.num_spans(max_run_tokens(sequence_length, corruption))) + 1


class NoisyText(CorruptedText):
    """Text with each span replaced by one mask token, and its sentences in random order.

    Lewis et al., 2020, section 2.2, "text infilling" and "sentence permutation". Spans may be
    empty. The target is the original text. The encoder reads start, text, end.
    """

    def __init__(
        self,
        tokens: Tokens,
        vocabularies: tuple[Vocabulary, Vocabulary],
        limits: Limits,
        corruption: Corruption,
        permute: bool,
    ) -> None:
        """Split the text into runs.

        Args:
            tokens: The tokens of documents.
            vocabularies: The vocabularies of source and target, which are the same.
            limits: The maximum length of an example.
            corruption: The amount of text that is corrupted.
            permute: Whether the sentences of the source are shuffled.

        Raises:
            UserError: The vocabulary has no mask token, or the text yields no example.
        """
        self.text, (self.vocabulary, _) = tokens.sentences, vocabularies
        if self.vocabulary.mask_id is None:
            raise UserError("the tokenizer has no mask token, which replaces spans")
        self.mask_id = self.vocabulary.mask_id
        self.corruption, self.permute = corruption, permute
        max_tokens = limits.sequence_length - 2
        self.starts, self.tokens, self.skipped = sentence_runs(self.text, max_tokens, limits)
        self.sentences = np.concatenate([self._sentences(*block) for block in blocks(self.text)])
        corrupted = corruption.num_corrupted(self.tokens)
        num_read = self.tokens - corrupted + corruption.num_infills(self.tokens)
        self.lengths = np.stack([num_read + 2, self.tokens + 1], axis=1).astype("int32")

    def _sentences(self, base: int, offsets: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Return the first sentence of each run in a block."""
        first, last = np.searchsorted(self.starts, offsets[[0, -1]])
        return base + np.searchsorted(offsets, self.starts[first:last], side="right") - 1

    @override
    def _corrupted(self, index: int, random: "Generator") -> tuple[np.ndarray, np.ndarray]:
        start, tokens = self.starts[index], int(self.tokens[index])
        ids = self.text.ids[start : start + tokens]
        noisy = self._permuted(index, ids, random) if self.permute else ids
        corrupted = int(self.corruption.num_corrupted(tokens))
        spans = int(self.corruption.num_infills(tokens))
        lengths = sample_poisson_lengths(corrupted, spans, random)
        num_intact = tokens - int(lengths.sum())
        positions = sample_span_positions(len(lengths), num_intact, 0, random)
        intact, _ = split_spans(noisy, lengths, positions)
        noisy = np.insert(intact, positions, self.mask_id)
        start_id, end_id = [self.vocabulary.start_id], [self.vocabulary.end_id]
        return np.concatenate([start_id, noisy, end_id]), np.append(ids, end_id)

    def _permuted(self, index: int, ids: np.ndarray, random: "Generator") -> np.ndarray:
        first, start = int(self.sentences[index]), int(self.starts[index])
        ends = self.text.offsets[first + 1 : first + len(ids)] - start
        sentences = np.split(ids, ends[ends < len(ids)])
        return np.concatenate([sentences[number] for number in random.permutation(len(sentences))])
