"""The interface of feed-forward layers: their settings, and the built layer."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from archbuilder.language import Problem, Spec
from archbuilder.network.layer_context import LayerContext
from archbuilder.network.layer_namespace import LayerNamespace


class FeedForward(ABC):
    """A built feed-forward layer, which is applied to each token separately."""

    @abstractmethod
    def __call__(self, x: Any, routing: list) -> Any:
        """Return the output [B, T, D].

        Args:
            x: Hidden vectors, [B, T, D].
            routing: List to which an expert router appends its decisions.
        """


class FeedForwardConfig(Spec):
    """The interface of feed-forward settings."""

    @abstractmethod
    def build(self, layers: LayerNamespace, name: str, context: LayerContext) -> FeedForward:
        """Return the layer.

        Args:
            layers: `keras.layers` or a `ParameterCounter`.
            name: Name of the layer, and prefix of the names of its Keras layers.
            context: Context of the layer in its stack.
        """

    @abstractmethod
    def sizes(self) -> Iterator[tuple[str, int]]:
        """Yield the name and value of each size that `scaled` multiplies."""

    @abstractmethod
    def scaled(self, fraction: Fraction) -> "FeedForwardConfig":
        """Return a copy of the settings with all sizes multiplied by `fraction`."""

    @property
    def has_load_balancing_loss(self) -> bool:
        """Whether the layer has a load-balancing loss in training."""
        return False

    def problems(self) -> Iterator[Problem]:
        """Yield the problems that involve several fields."""
        yield from ()
