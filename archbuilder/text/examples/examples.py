"""What examples are: how long each is, and its arrays, made when they are asked for.

Every kind has `lengths` [N, sides], by which examples are sorted, padded and packed, and `row`,
which makes the arrays of the example at an index.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from archbuilder.errors import UserError

Overlong = Literal["split", "truncate", "drop", "refuse"]


class Examples(ABC):
    """The interface of examples."""

    form: ClassVar[str]
    """What they are made of: "documents" or "pairs"."""
    overlong: ClassVar[tuple[Overlong, ...]]
    """What can be done with text that is too long for an example; the first unless told."""
    sides: ClassVar[dict[str, tuple[str, ...]]]
    """The prefix of each side's names, and its arrays; the first of them are its token ids."""

    columns: ClassVar[tuple[str, ...]] = ()
    """The arrays that models do not read: objectives turn them into inputs or targets."""

    lengths: np.ndarray
    """Tokens of each example, special ones included, by side: [N, sides]; none has more."""
    left_out: dict[str, int]
    """What was changed or left out of the text, and how many times: "documents", "sentences" or
    "pairs" first."""

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


_DONE = {"split": "split", "truncate": "cut off", "drop": "left out", "refuse": ""}


def told(over: int, what: str, limits: Limits) -> dict[str, int]:
    """What happened to text that is too long; a mistake where it is refused."""
    longer = f"{what} of more than data.sequence_length {limits.sequence_length} tokens"
    if over and limits.overlong == "refuse":
        raise UserError(f"data.overlong: refuse: {over:,} {longer}")
    return {f"{longer} {_DONE[limits.overlong]}": over} if over else {}


def some(examples: int, limits: Limits) -> None:
    """Raises `UserError` where nothing of a text is left."""
    if not examples:
        raise UserError(f"all of the text is over data.sequence_length {limits.sequence_length}")
