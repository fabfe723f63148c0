"""Which tokens are to be guessed: units, of one token or of several, in an order that is drawn."""

from typing import Annotated, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field
from typing_extensions import override

from archbuilder.language import Spec
from archbuilder.text.batch import TOKEN_SEQUENCES, Array, Batch
from archbuilder.text.vocabulary import Vocabulary


class Tokens(Spec):
    """Each token by itself (Devlin et al., 2018, section 3.1)."""

    type: Literal["tokens"]

    together: ClassVar[bool] = False
    """Whether what is chosen is masked, replaced or kept unit by unit, and not token by token."""

    def begins(
        self, token_ids: Array, candidates: Array, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> Array:
        """Where units begin: bool [B, T]; every token that is no candidate is one by itself."""
        return np.ones_like(candidates)


class WholeWords(Spec):
    """All tokens of a word together (Cui et al., 2019)."""

    type: Literal["whole_words"]

    together: ClassVar[bool] = False

    @override
    def begins(
        self, token_ids: Array, candidates: Array, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> Array:
        return vocabulary.word_starts(token_ids) | ~candidates


class Spans(Spec):
    """Runs of whole words, most of them short (Joshi et al., 2020, section 3.1).

    A span's tokens are all masked, all replaced or all kept.
    """

    type: Literal["spans"]
    geometric_p: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """The chance that a span ends behind each of its words: p of the geometric distribution."""
    max_span_words: Annotated[int, Field(ge=2)] = 10
    """The most words in a span; longer ones are drawn again."""

    together: ClassVar[bool] = True

    @override
    def begins(
        self, token_ids: Array, candidates: Array, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> Array:
        starts = vocabulary.word_starts(token_ids) | ~candidates
        words = np.cumsum(starts, axis=1) - 1  # [B, T]
        shares = (1 - self.geometric_p) ** np.arange(self.max_span_words)
        drawn = rng.random(token_ids.shape)
        counts = 1 + np.searchsorted(np.cumsum(shares) / shares.sum(), drawn, side="right")
        firsts = np.minimum(np.cumsum(counts, axis=1), token_ids.shape[1])
        first = np.zeros((len(words), token_ids.shape[1] + 1), dtype=bool)
        np.put_along_axis(first, firsts, True, axis=1)
        first[:, 0] = True
        found = (starts & np.take_along_axis(first, words, axis=1)) | ~candidates
        found[:, 1:] |= ~candidates[:, :-1]
        return found


Selection = Annotated[Tokens | WholeWords | Spans, Field(discriminator="type")]


class Chosen(NamedTuple):
    """Tokens to guess, by rows, in order; rows with fewer than the most have unused slots."""

    positions: np.ndarray
    """Where they stand: int32 [B, M], 0 where a slot is unused."""
    weights: np.ndarray
    """1.0 where a slot is used: float32 [B, M]."""
    targets: np.ndarray
    """The tokens: int32 [B, M]."""
    units: np.ndarray
    """The number of the unit that each is of: int [B, M]."""

    def write(self, ids: np.ndarray, token_ids: np.ndarray) -> np.ndarray:
        """`token_ids` [B, T] with `ids` [B, M] at the positions; unused slots write nothing."""
        rows, slots = np.nonzero(self.weights)
        token_ids = token_ids.copy()
        token_ids[rows, self.positions[rows, slots]] = ids[rows, slots]
        return token_ids


def choose(
    batch: Batch,
    selection: Selection,
    rate: float,
    most: int,
    rng: np.random.Generator,
    vocabulary: Vocabulary,
) -> Chosen:
    """Choose afresh a share `rate` of each row's tokens, never special ones, never padding.

    At most `most` in a sequence; in a packed row, at most so many for each of its examples.
    """
    inputs, names = batch.inputs, TOKEN_SEQUENCES[""]
    token_ids = inputs[names.token_ids]
    candidates = ~np.isin(token_ids, vocabulary.special_ids) & (inputs[names.padding_mask] > 0)
    packed = names.packing_ids in inputs
    sequences = inputs[names.packing_ids].max(axis=1) if packed else 1
    begins = selection.begins(token_ids, candidates, vocabulary, rng)
    units = np.cumsum(begins, axis=1) - 1
    positions, weights = _positions(candidates, units, rate, most * sequences, rng)
    targets = np.take_along_axis(token_ids, positions, axis=1)
    return Chosen(positions, weights, targets, np.take_along_axis(units, positions, axis=1))


def _positions(
    candidates: Array, units: Array, rate: float, most: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Positions [B, M], in order, and weights [B, M]: 1.0 for those that are to be guessed.

    Units [B, T] are taken in an order that is drawn; one that stands across the number wanted is
    taken as often as a part of it lies below.
    """
    length = candidates.shape[1]
    wanted = np.maximum(np.rint(candidates.sum(axis=1) * rate), 1)
    ranks = np.take_along_axis(rng.random(candidates.shape), np.maximum(units, 0), axis=1)
    order = np.argsort(np.where(candidates, ranks, 2.0), axis=1, kind="stable")
    unit = np.take_along_axis(units, order, axis=1)
    place = np.arange(length)
    first = np.diff(unit, axis=1, prepend=-1) != 0
    before = np.maximum.accumulate(np.where(first, place, 0), axis=1)
    last = np.diff(unit, axis=1, append=-1) != 0
    behind = np.where(last, place + 1, length)[:, ::-1]
    behind = np.minimum.accumulate(behind, axis=1)[:, ::-1]
    limit = np.broadcast_to(most, wanted.shape)[:, None]
    share = rng.random((len(order), 1))
    used = (before + share * (behind - before) < wanted[:, None]) & (behind <= limit)
    used &= np.take_along_axis(candidates, order, axis=1)
    slots = max(1, int(used.sum(axis=1).max(initial=0)))
    chosen = np.sort(np.where(used, order, length), axis=1)[:, :slots]
    weights = chosen < length
    return np.where(weights, chosen, 0).astype("int32"), weights.astype("float32")
