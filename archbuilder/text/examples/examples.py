"""Interface of training examples.

Examples have `lengths` [N, sides], by which they are sorted, padded and packed, and the method
`row`, which creates the arrays of one example on demand.
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
    """Interface of the examples of a text; N is their number."""

    needs: ClassVar[RecordColumns]
    """Columns of the records that the examples need, with their types."""
    overlong: ClassVar[tuple[Overlong, ...]]
    """Supported treatments of text that is too long; the first is the default."""
    sides: ClassVar[dict[str, tuple[str, ...]]]
    """Arrays of each side, by the prefix of their names. The first array has the token ids."""
    columns: ClassVar[tuple[str, ...]] = ()
    """Arrays that are not inputs of models; objectives convert them into inputs or targets."""

    lengths: np.ndarray
    """Number of tokens of each example by side, special tokens included, int32 [N, sides]."""
    skipped: tuple[Skipped, ...]
    """Text that was truncated, split or skipped."""

    @abstractmethod
    def __init__(
        self, tokens: Tokens, vocabularies: tuple[Vocabulary, Vocabulary], limits: "Limits"
    ) -> None:
        """Create the examples of a text.

        Args:
            tokens: The tokens of records with the columns in `needs`.
            vocabularies: The vocabularies of source and target.
            limits: The maximum length of an example.

        Raises:
            UserError: The text yields no example, or contains text that is too long and must be
                refused.
        """

    @abstractmethod
    def row(self, index: int, random: "np.random.Generator") -> dict[str, Any]:
        """Return the arrays of an example, by name.

        Args:
            index: The index of the example.
            random: The only source of random numbers.
        """


@dataclass(frozen=True)
class Limits:
    """Maximum length of an example, and the treatment of longer text."""

    sequence_length: int
    """Maximum number of tokens, special tokens included."""
    overlong: Overlong
    """Treatment of longer text."""


_ACTIONS = {"split": "split", "truncate": "truncated", "drop": "dropped", "refuse": ""}


def overlong_message(unit: str, limits: Limits) -> str:
    """Return the reason of `Skipped` for text that is too long."""
    action = _ACTIONS[limits.overlong]
    limit = f"longer than data.sequence_length ({limits.sequence_length} tokens)"
    return f"{unit} {action} because they are {limit}" if action else f"{unit} are {limit}"


def skipped_overlong(count: int, unit: str, limits: Limits) -> tuple[Skipped, ...]:
    """Return the log entry for `count` texts that are too long. Raise `UserError` if refused."""
    message = overlong_message(unit, limits)
    if count and limits.overlong == "refuse":
        raise UserError(f"data.overlong: refuse, but {count:,} {message}")
    return (Skipped(unit, message, count),) if count else ()


def require_any(num_examples: int, limits: Limits) -> None:
    """Raise `UserError` if the text yields no examples."""
    if not num_examples:
        raise UserError(
            f"all text is longer than data.sequence_length ({limits.sequence_length} tokens)"
        )
