"""What a training objective is: what it hides, its head and its loss, under one name."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from pydantic import PositiveFloat

from archbuilder.language import Mistake, Spec
from archbuilder.network.architecture import Architecture, Network


class Objective(Spec):
    """The interface of objectives. Each gets the name it has in the spec, so that many add up.

    A batch is a dictionary of arrays. An objective called `name` may add inputs of the model,
    and adds `name_targets` and `name_weights`: ids to guess, and 1.0 where a guess counts.
    """

    weight: PositiveFloat = 1.0
    """What this objective's loss is multiplied by before the losses are added."""

    examples: ClassVar[str | None] = None
    """How text becomes examples ("pairs", "parallel"), where this objective decides it."""
    pools: ClassVar[bool] = False
    """Whether it reads the pooled vector."""
    hides: ClassVar[bool] = False
    """Whether it changes the tokens that the network reads."""

    def inputs(self, name: str) -> list[str]:
        """The inputs, int32 [B, M], that the head reads beside the network's."""
        return []

    @abstractmethod
    def build(self, layers, name: str, network: Network):
        """The head: called with the network's streams and the inputs, it gives logits [.., V]."""

    def corrupt(self, name: str, batch: dict, random, vocabulary) -> None:
        """Hide what is to be guessed, in place; `random` is a numpy generator."""

    def smoothing(self) -> float:
        """The share of probability that the loss spreads over all classes."""
        return 0.0

    def mistakes(self, model: Architecture) -> Iterator[Mistake]:
        """What this objective needs of the model and does not find, by paths within it."""
        yield from ()
