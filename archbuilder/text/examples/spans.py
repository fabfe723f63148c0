"""Spans of a text to leave out: how many, how long, and where."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

Counts: TypeAlias = int | np.ndarray
"""Numbers of tokens."""


@dataclass(frozen=True)
class Corruption:
    """How much of a text is left out: a share `rate` of its tokens, in spans of `mean` tokens."""

    rate: float
    mean: float

    def hidden(self, tokens: Counts) -> np.ndarray:
        """How many of so many tokens are left out: one at least, and never all of several."""
        most = np.maximum(np.asarray(tokens) - 1, 1)
        return np.clip(np.rint(tokens * np.float64(self.rate)), 1, most).astype(int)

    def spans(self, tokens: Counts) -> np.ndarray:
        """In how many spans, with a token or more between them."""
        hidden = self.hidden(tokens)
        most = np.minimum(hidden, tokens - hidden + 1)
        return np.clip(np.rint(hidden / self.mean), 1, most).astype(int)

    def infills(self, tokens: Counts) -> np.ndarray:
        """In how many spans, some of them empty: `hidden` at most, so that text never gets longer
        when a mark stands for each."""
        return np.maximum(np.rint(self.hidden(tokens) / self.mean), 1).astype(int)


def lengths_of(total: int, spans: int, random: np.random.Generator) -> np.ndarray:
    """Lengths of one or more, `total` in all, every such list as likely as any other."""
    cuts = 1 + np.sort(random.choice(total - 1, spans - 1, replace=False))
    return np.diff([0, *cuts, total])


def poisson_lengths_of(total: int, spans: int, random: np.random.Generator) -> np.ndarray:
    """Poisson lengths, some of them zero, that are `total` in all: a multinomial draw."""
    return random.multinomial(total, np.full(spans, 1 / spans))


def places_of(spans: int, left: int, apart: int, random: np.random.Generator) -> np.ndarray:
    """Before which of the `left` tokens that stay each span stands, at least `apart` between two.

    Every such choice is as likely as any other.
    """
    inner = apart * (spans - 1)
    drawn = np.sort(random.choice(left - inner + spans, spans, replace=False))
    return drawn + (apart - 1) * np.arange(spans)


def parted(
    ids: np.ndarray, lengths: np.ndarray, places: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The tokens that stay, and those of the spans, one span after another."""
    taken = np.repeat(places, lengths) + np.arange(lengths.sum())
    return np.delete(ids, taken), ids[taken]
