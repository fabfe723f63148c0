"""The interface of tasks: one prediction for each line of text."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

from archbuilder.errors import UserError
from archbuilder.graph import ModelGraph
from archbuilder.network.backbone import BackboneConfig
from archbuilder.text.data import Data
from archbuilder.text.vocabulary import Vocabulary

BATCH_SIZE = 64
"""Number of lines that the model reads at a time."""


class Prediction(ABC):
    """The interface of predictions, each of which belongs to one line."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Return the prediction as a JSON object."""

    @abstractmethod
    def to_text(self, show_candidates: bool = False) -> str:
        """Return the prediction as text.

        Args:
            show_candidates: Whether to add the most probable candidates, if there are several.
                Default: False.
        """


class TaskParts(NamedTuple):
    """Components that tasks are created from."""

    graph: ModelGraph
    """The model with trained weights."""
    vocabularies: tuple[Vocabulary, Vocabulary]
    """The vocabularies of the source and the target, which may be the same."""
    max_length: int | None
    """Maximum number of tokens in a line. None: no limit."""


class Task(ABC):
    """The interface of tasks."""

    name: ClassVar[str]
    """Name of the task, the value of `--task`."""

    @classmethod
    @abstractmethod
    def create(cls, parts: TaskParts, objective: str, top_k: int) -> "Task":
        """Return the task.

        Args:
            parts: The model and its vocabularies.
            objective: The name of the objective whose head the task uses. Empty: the task uses only
                the backbone.
            top_k: Number of candidates for each prediction, if the task has several.
        """

    @abstractmethod
    def __call__(self, lines: Sequence[str]) -> Iterator[Prediction]:
        """Yield one prediction for each line, in order.

        Raises:
            UserError: A line is too long, or contains nothing to predict.
        """


def max_line_length(backbone: BackboneConfig, data: Data | None) -> int | None:
    """Return the maximum number of tokens in a line.

    It is the limit of the position embeddings or, if they have none, the length in training.

    Args:
        backbone: The architecture of the model.
        data: The training data. None: unknown.

    Returns:
        A number of tokens, or None for no limit.
    """
    limit = backbone.max_sequence_length
    return data.sequence_length if limit is None and data is not None else limit


def require_length(row: Sequence[int], max_length: int | None, number: int) -> None:
    """Raise `UserError` if a line has too many tokens.

    Args:
        row: The token ids of the line.
        max_length: Maximum number of tokens. None: no limit.
        number: The number of the line for the message, counted from 1.
    """
    if max_length is not None and len(row) > max_length:
        raise UserError(
            f"line {number} has {len(row)} tokens; the model supports at most {max_length}"
        )
