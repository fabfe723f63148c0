"""The interface of attention: a config, and the layer that it builds.

The stack, the checks of a spec, sharding, ELECTRA's generator and the Hugging Face tables know
attention through these two classes alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from archbuilder.language import Problem, Spec
from archbuilder.network.attention_mask import AttentionContext
from archbuilder.network.attention_positions import AttentionPosition, PositionRequest
from archbuilder.network.layer_context import LayerContext
from archbuilder.network.layer_namespace import LayerNamespace


class Attention(ABC):
    """An attention layer of a stack: to the stack's own tokens, or to the memory of another stack.

    A cache is a nest of tensors, batch first, whose form only the attention that made it knows.
    """

    positions: AttentionPosition
    """The positions that it was built with."""

    @abstractmethod
    def __call__(self, x: Any, context: AttentionContext) -> Any:
        """Return [B, T, D]: what the tokens x [B, T, D] gather from each other."""

    @abstractmethod
    def init_cache(self, batch_size: int, max_length: int, dtype: str) -> Any:
        """Return the cache of no tokens, with room for `max_length`."""

    @abstractmethod
    def call_with_cache(
        self, x: Any, cache: Any, index: Any, context: AttentionContext
    ) -> tuple[Any, Any]:
        """Return what the tokens gather from those in the cache and each other, and the new cache.

        Args:
            x: The next tokens, [B, T, D].
            cache: The tokens before `index`, from `init_cache` or an earlier call.
            index: Position of the first of the next tokens, an integer or an int32 scalar.
            context: The context of the next tokens as queries and the whole cache as keys.
        """

    @abstractmethod
    def project_memory(self, memory: Any) -> Any:
        """Return what attention to a memory [B, S, D] reads of it, computed once for all steps."""

    @abstractmethod
    def attend_to_memory(self, x: Any, memory: Any, context: AttentionContext) -> Any:
        """Return [B, T, D]: what the tokens gather from a memory as `project_memory` gives it."""


class AttentionConfig(Spec):
    """The interface of the kinds of attention."""

    @abstractmethod
    def build(
        self, layers: LayerNamespace, name: str, context: LayerContext, positions: AttentionPosition
    ) -> Attention:
        """Return the layer.

        Args:
            layers: `keras.layers` or a `ParameterCounter`.
            name: Name of the layer, a prefix of the names of its weights.
            context: Where the layer is.
            positions: What `position_request` asked for.
        """

    @abstractmethod
    def for_cross_attention(self) -> "AttentionConfig":
        """Return the same without what has no meaning between two sequences."""

    @abstractmethod
    def scaled(self, fraction: Fraction) -> "AttentionConfig":
        """Return a copy whose sizes are multiplied by `fraction`, for a narrower network."""

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Yield the name and value of each size that `scaled` multiplies."""
        yield from ()

    def position_request(self, context: LayerContext) -> PositionRequest | None:
        """Return which positions the layer is to be built with; None: it knows of none."""
        return None

    def window(self) -> int | None:
        """Return how many tokens a query reaches (see `TokenPositions.allowed`). None: all."""
        return None

    def resolved(self, width: int) -> dict[str, Any]:
        """Return the settings with every default that depends on the stack's width as a value."""
        return self.model_dump(mode="json")

    def problems(self, context: LayerContext) -> Iterator[Problem]:
        """Yield what does not fit together in a layer that attends to its own stack."""
        yield from ()

    def memory_problems(self, context: LayerContext) -> Iterator[Problem]:
        """Yield what does not fit together in a layer that attends to another stack."""
        yield from self.problems(context)
