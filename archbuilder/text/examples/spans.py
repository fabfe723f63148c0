"""Random spans of corrupted tokens: their number, lengths and positions."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

Counts: TypeAlias = int | np.ndarray
"""Numbers of tokens."""


@dataclass(frozen=True)
class Corruption:
    """Amount of text that is corrupted."""

    rate: float
    """Fraction of the tokens that is corrupted."""
    mean_length: float
    """Mean length of a span, in tokens."""

    def num_corrupted(self, tokens: Counts) -> np.ndarray:
        """Return the number of corrupted tokens: at least 1, and less than `tokens` if possible."""
        max_corrupted = np.maximum(np.asarray(tokens) - 1, 1)
        return np.clip(np.rint(tokens * np.float64(self.rate)), 1, max_corrupted).astype(int)

    def num_spans(self, tokens: Counts) -> np.ndarray:
        """Return the number of spans, if at least one token separates each from the next."""
        num_corrupted = self.num_corrupted(tokens)
        max_spans = np.minimum(num_corrupted, tokens - num_corrupted + 1)
        return np.clip(np.rint(num_corrupted / self.mean_length), 1, max_spans).astype(int)

    def num_infills(self, tokens: Counts) -> np.ndarray:
        """Return the number of spans, if spans may be empty.

        It is at most `num_corrupted`, so that text with a mask for each span is never longer than
        the original text.
        """
        return np.maximum(np.rint(self.num_corrupted(tokens) / self.mean_length), 1).astype(int)


def sample_span_lengths(total: int, spans: int, random: "np.random.Generator") -> np.ndarray:
    """Return lengths of at least 1 that add up to `total`, int64 [spans].

    All lists of such lengths are equally likely.
    """
    boundaries = 1 + np.sort(random.choice(total - 1, spans - 1, replace=False))
    return np.diff([0, *boundaries, total])


def sample_poisson_lengths(total: int, spans: int, random: "np.random.Generator") -> np.ndarray:
    """Return Poisson-distributed lengths that add up to `total`, int64 [spans].

    Poisson variables with a given sum follow a multinomial distribution. Lengths may be zero.
    """
    return random.multinomial(total, np.full(spans, 1 / spans))


def sample_span_positions(
    spans: int, num_intact: int, min_distance: int, random: "np.random.Generator"
) -> np.ndarray:
    """Return the positions of spans among the intact tokens; all choices are equally likely.

    Args:
        spans: The number of spans.
        num_intact: The number of tokens outside of spans.
        min_distance: The least number of intact tokens between two spans, 0 or 1.
        random: The source of random numbers.

    Returns:
        The index of the intact token that follows each span, sorted, int64 [spans].
    """
    reserved = min_distance * (spans - 1)
    sampled = np.sort(random.choice(num_intact - reserved + spans, spans, replace=False))
    return sampled + (min_distance - 1) * np.arange(spans)


def split_spans(
    ids: np.ndarray, lengths: np.ndarray, positions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the intact token ids and those of the spans, one span after another."""
    corrupted = np.repeat(positions, lengths) + np.arange(lengths.sum())
    return np.delete(ids, corrupted), ids[corrupted]
