"""The interface of examples: how long each is, and its arrays, made when they are asked for.

Every kind has `lengths` [N, sides], by which examples are sorted, padded and packed, and `row`,
which makes the arrays of the example at an index.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from archbuilder.errors import UserError
from archbuilder.text.record import RecordColumns
from archbuilder.text.skipped import Skipped
from archbuilder.text.token_store import Tokens
from archbuilder.text.vocabulary import Vocabulary

Overlong = Literal["split", "truncate", "drop", "refuse"]


class Examples(ABC):
    """The interface of examples."""

    needs: ClassVar[RecordColumns]
    """The columns of the records that they are made of, each with its kind."""
    overlong: ClassVar[tuple[Overlong, ...]]
    """What can be done with text that is too long for an example; the first is the default."""
    sides: ClassVar[dict[str, tuple[str, ...]]]
    """The prefix of each side's names, and its arrays; the first of them are its token ids."""

    columns: ClassVar[tuple[str, ...]] = ()
    """The arrays that models do not read: objectives turn them into inputs or targets."""

    lengths: np.ndarray
    """Tokens of each example, special ones included, by side: [N, sides]; none has more."""
    skipped: tuple[Skipped, ...]
    """The text that was changed or skipped."""

    @abstractmethod
    def __init__(
        self, tokens: Tokens, vocabularies: tuple[Vocabulary, Vocabulary], limits: "Limits"
    ):
        """Make examples of the tokens of a text.

        Args:
            tokens: The tokens of records with the columns that are needed.
            vocabularies: Those of source and target.
            limits: How long an example may be.

        Raises:
            UserError: There is no example in the text.
        """

    @abstractmethod
    def row(self, index: int, random: np.random.Generator) -> dict[str, Any]:
        """Return the arrays of the example at an index, by name.

        Args:
            index: The number of the example.
            random: The only source of what is sampled each time.
        """


@dataclass(frozen=True)
class Limits:
    """How long an example may be, and what is done with text that is longer."""

    sequence_length: int
    overlong: Overlong


_ACTIONS = {"split": "split", "truncate": "cut off", "drop": "left out", "refuse": ""}


def overlong_message(unit: str, limits: Limits) -> str:
    """Return the reason of `Skipped` for text that is too long."""
    longer = f"{unit} of more than data.sequence_length {limits.sequence_length} tokens"
    return f"{longer} {_ACTIONS[limits.overlong]}".rstrip()


def skipped_overlong(count: int, unit: str, limits: Limits) -> tuple[Skipped, ...]:
    """Return what happened to `count` texts that are too long. Raise `UserError` if refused."""
    message = overlong_message(unit, limits)
    if count and limits.overlong == "refuse":
        raise UserError(f"data.overlong: refuse: {count:,} {message}")
    return (Skipped(unit, message, count),) if count else ()


def require_any(num_examples: int, limits: Limits) -> None:
    """Raise `UserError` if there are no examples."""
    if not num_examples:
        raise UserError(f"all of the text is over data.sequence_length {limits.sequence_length}")
