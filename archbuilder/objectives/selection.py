"""Random selection of the tokens to predict, in units of tokens, words or spans."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field
from typing_extensions import override

from archbuilder.language import Spec
from archbuilder.text.batch import TOKEN_SEQUENCES, Array, Batch
from archbuilder.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from numpy.random import Generator


class Selection(Spec):
    """The interface of selections."""

    masks_whole_units: ClassVar[bool] = False
    """Whether all tokens of a unit are masked, all replaced, or all unchanged."""

    @abstractmethod
    def unit_starts(
        self,
        token_ids: Array,
        candidates: Array,
        vocabulary: Vocabulary,
        rng: "Generator",
    ) -> Array:
        """Return which tokens start a unit: bool [B, T].

        Each token that cannot be selected is a unit.

        Args:
            token_ids: Token ids, [B, T].
            candidates: Whether a token can be selected, bool [B, T].
            vocabulary: Vocabulary, which knows the starts of words.
            rng: Source of random numbers.
        """


class TokenSelection(Selection):
    """Selection of single tokens (Devlin et al., 2018, section 3.1)."""

    type: Literal["tokens"]

    @override
    def unit_starts(
        self,
        token_ids: Array,
        candidates: Array,
        vocabulary: Vocabulary,
        rng: "Generator",
    ) -> Array:
        return np.ones_like(candidates)


class WholeWordSelection(Selection):
    """Selection of all tokens of a word (whole word masking, Cui et al., 2019)."""

    type: Literal["whole_words"]

    @override
    def unit_starts(
        self,
        token_ids: Array,
        candidates: Array,
        vocabulary: Vocabulary,
        rng: "Generator",
    ) -> Array:
        return vocabulary.word_starts(token_ids) | ~candidates


class SpanSelection(Selection):
    """Selection of spans of whole words with geometric lengths (Joshi et al., 2020, section 3.1).

    The tokens of a span are all masked, all replaced, or all unchanged.
    """

    type: Literal["spans"]
    geometric_p: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Parameter p of the geometric distribution of span lengths: the probability that a span ends
    after each of its words."""
    max_span_words: Annotated[int, Field(ge=2)] = 10
    """Maximum number of words in a span. Longer lengths are sampled again."""

    masks_whole_units: ClassVar[bool] = True

    @override
    def unit_starts(
        self,
        token_ids: Array,
        candidates: Array,
        vocabulary: Vocabulary,
        rng: "Generator",
    ) -> Array:
        starts = vocabulary.word_starts(token_ids) | ~candidates
        words = np.cumsum(starts, axis=1) - 1  # [B, T]
        probabilities = (1 - self.geometric_p) ** np.arange(self.max_span_words)
        cumulative = np.cumsum(probabilities) / probabilities.sum()
        uniform = rng.random(token_ids.shape)
        num_words = 1 + np.searchsorted(cumulative, uniform, side="right")
        first_words = np.minimum(np.cumsum(num_words, axis=1), token_ids.shape[1])
        starts_span = np.zeros((len(words), token_ids.shape[1] + 1), dtype=bool)
        np.put_along_axis(starts_span, first_words, True, axis=1)
        starts_span[:, 0] = True
        span_starts = (starts & np.take_along_axis(starts_span, words, axis=1)) | ~candidates
        span_starts[:, 1:] |= ~candidates[:, :-1]
        return span_starts


AnySelection = Annotated[
    TokenSelection | WholeWordSelection | SpanSelection, Field(discriminator="type")
]


class SelectedTokens(NamedTuple):
    """Selected tokens of each row, in order. Rows with fewer than M tokens have unused slots."""

    positions: np.ndarray
    """Positions of the tokens: int32 [B, M], 0 in unused slots."""
    weights: np.ndarray
    """1.0 in used slots and 0.0 in unused slots: float32 [B, M]."""
    targets: np.ndarray
    """Ids of the tokens: int32 [B, M]."""
    units: np.ndarray
    """Index of the unit of each token: int [B, M]."""

    def replace(self, token_ids: np.ndarray, replacements: np.ndarray) -> np.ndarray:
        """Return `token_ids` [B, T] with `replacements` [B, M] at the positions of used slots."""
        rows, slots = np.nonzero(self.weights)
        token_ids = token_ids.copy()
        token_ids[rows, self.positions[rows, slots]] = replacements[rows, slots]
        return token_ids


def select_tokens(
    batch: Batch,
    selection: AnySelection,
    rate: float,
    max_tokens: int,
    rng: "Generator",
    vocabulary: Vocabulary,
) -> SelectedTokens:
    """Return a random selection of the tokens of each row, without special tokens and padding.

    Args:
        batch: Batch, of which token ids, padding mask and packing ids are read.
        selection: Units of the selection.
        rate: Fraction of the tokens of a row that are selected.
        max_tokens: Maximum number of selected tokens in a sequence; in a packed row, that number
            for each of its examples.
        rng: Source of random numbers.
        vocabulary: Vocabulary, which knows the special tokens.
    """
    inputs, names = batch.inputs, TOKEN_SEQUENCES[""]
    token_ids = inputs[names.token_ids]
    candidates = ~np.isin(token_ids, vocabulary.special_ids) & (inputs[names.padding_mask] > 0)
    packed = names.packing_ids in inputs
    sequences = inputs[names.packing_ids].max(axis=1) if packed else 1
    starts = selection.unit_starts(token_ids, candidates, vocabulary, rng)
    units = np.cumsum(starts, axis=1) - 1
    positions, weights = _positions(candidates, units, rate, max_tokens * sequences, rng)
    targets = np.take_along_axis(token_ids, positions, axis=1)
    return SelectedTokens(positions, weights, targets, np.take_along_axis(units, positions, axis=1))


def _positions(
    candidates: Array, units: Array, rate: float, max_tokens: Array, rng: "Generator"
) -> tuple[Array, Array]:
    """Return positions [B, M] in order, and weights [B, M].

    Units [B, T] are selected in random order until the number of tokens is reached. A unit that
    would exceed the number is selected with the probability that keeps the expected number exact.
    """
    length = candidates.shape[1]
    num_tokens = np.maximum(np.rint(candidates.sum(axis=1) * rate), 1)  # [B]
    ranks = np.take_along_axis(rng.random(candidates.shape), np.maximum(units, 0), axis=1)
    order = np.argsort(np.where(candidates, ranks, 2.0), axis=1, kind="stable")
    unit = np.take_along_axis(units, order, axis=1)
    # `start` and `end` count the tokens before each unit, and up to its last token.
    index = np.arange(length)
    is_first = np.diff(unit, axis=1, prepend=-1) != 0
    start = np.maximum.accumulate(np.where(is_first, index, 0), axis=1)
    is_last = np.diff(unit, axis=1, append=-1) != 0
    end = np.where(is_last, index + 1, length)[:, ::-1]
    end = np.minimum.accumulate(end, axis=1)[:, ::-1]
    limit = np.broadcast_to(max_tokens, num_tokens.shape)[:, None]
    uniform = rng.random((len(order), 1))
    selected = (start + uniform * (end - start) < num_tokens[:, None]) & (end <= limit)
    selected &= np.take_along_axis(candidates, order, axis=1)
    slots = max(1, int(selected.sum(axis=1).max(initial=0)))
    positions = np.sort(np.where(selected, order, length), axis=1)[:, :slots]
    is_used = positions < length
    return np.where(is_used, positions, 0).astype("int32"), is_used.astype("float32")
