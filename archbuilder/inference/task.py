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
            show_candidates: Whether the most probable candidates are added, if there are several.
                Default: False.
        """


class TaskParts(NamedTuple):
    """What tasks are created from."""

    graph: ModelGraph
    """The network with the weights that predict."""
    vocabularies: tuple[Vocabulary, Vocabulary]
    """The vocabularies of the source and of the target, which may be the same."""
    max_length: int | None
    """Maximum number of tokens of a line; None: no limit."""


class Task(ABC):
    """The interface of tasks."""

    name: ClassVar[str]
    """The value of `--task`."""

    @classmethod
    @abstractmethod
    def create(cls, parts: TaskParts, objective: str, top_k: int) -> "Task":
        """Return the task.

        Args:
            parts: The model and its vocabularies.
            objective: The name of the objective whose head predicts; empty: the backbone does.
            top_k: Number of candidates of each prediction, where there are several.
        """

    @abstractmethod
    def __call__(self, lines: Sequence[str]) -> Iterator[Prediction]:
        """Yield one prediction for each line, in order.

        Raises:
            UserError: A line is too long, or has nothing to predict.
        """


def max_line_length(backbone: BackboneConfig, data: Data | None) -> int | None:
    """Return the maximum number of tokens of a line: what positions allow, or was trained on."""
    limit = backbone.max_sequence_length
    return data.sequence_length if limit is None and data is not None else limit


def require_length(row: Sequence[int], max_length: int | None, number: int) -> None:
    """Raise `UserError` if the row of line `number` has more than `max_length` tokens."""
    if max_length is not None and len(row) > max_length:
        raise UserError(
            f"line {number} has {len(row)} tokens; the model takes at most {max_length}"
        )
