"""The interface of attention: a config, and the layer that it builds.

Stacks, checks of specs, sharding, the generator of replaced token detection and the Hugging Face
tables use attention only through these two classes.
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
    """A built attention layer: self-attention, or cross-attention to the memory of another stack.

    A cache is a nested structure of tensors, batch first, that only the layer itself reads.
    """

    positions: AttentionPosition
    """Positions that the layer was built with."""

    @abstractmethod
    def __call__(self, x: Any, context: AttentionContext) -> Any:
        """Return the output [B, T, D] of self-attention.

        Args:
            x: Vectors of the tokens, [B, T, D].
            context: Mask and position features.
        """

    @abstractmethod
    def init_cache(self, batch_size: int, max_length: int, dtype: str) -> Any:
        """Return an empty cache.

        Args:
            batch_size: Number of rows.
            max_length: Number of tokens that the cache has space for.
            dtype: Type of the tensors.
        """

    @abstractmethod
    def call_with_cache(
        self, x: Any, cache: Any, index: Any, context: AttentionContext
    ) -> tuple[Any, Any]:
        """Return the output [B, T, D] of self-attention for the next tokens, and the new cache.

        Args:
            x: Vectors of the next tokens, [B, T, D].
            cache: Output of `init_cache` or of an earlier call, with the tokens before `index`.
            index: Position of the first of the next tokens, an integer or an int32 scalar.
            context: Mask and position features of the next tokens as queries and the whole cache as
                keys.
        """

    @abstractmethod
    def project_memory(self, memory: Any) -> Any:
        """Return what cross-attention reads of a memory [B, S, D], for all decoding steps."""

    @abstractmethod
    def attend_to_memory(self, x: Any, memory: Any, context: AttentionContext) -> Any:
        """Return the output [B, T, D] of cross-attention.

        Args:
            x: Vectors of the tokens, [B, T, D].
            memory: Output of `project_memory`.
            context: Mask of the memory.
        """


class AttentionConfig(Spec):
    """The interface of attention settings."""

    @abstractmethod
    def build(
        self, layers: LayerNamespace, name: str, context: LayerContext, positions: AttentionPosition
    ) -> Attention:
        """Return the layer.

        Args:
            layers: `keras.layers` or a `ParameterCounter`.
            name: Name of the layer, a prefix of the names of its Keras layers.
            context: Context of the layer in its stack.
            positions: Positions that `position_request` describes.
        """

    @abstractmethod
    def for_cross_attention(self) -> "AttentionConfig":
        """Return the settings without those that have no meaning between two sequences."""

    @abstractmethod
    def scaled(self, fraction: Fraction) -> "AttentionConfig":
        """Return a copy whose sizes are multiplied by `fraction`, for a narrower network."""

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Yield the name and value of each size that `scaled` multiplies."""
        yield from ()

    def position_request(self, context: LayerContext) -> PositionRequest | None:
        """Return the request for the positions that the layer uses; None: no positions."""
        return None

    def window(self) -> int | None:
        """Return the number of tokens that a query attends to; None: all.

        `TokenPositions.allowed` defines the window.
        """
        return None

    def resolved(self, width: int) -> dict[str, Any]:
        """Return the settings as plain data, with the defaults for a stack of width `width`."""
        return self.model_dump(mode="json")

    def problems(self, context: LayerContext) -> Iterator[Problem]:
        """Yield the problems of self-attention, at paths within these settings."""
        yield from ()

    def memory_problems(self, context: LayerContext) -> Iterator[Problem]:
        """Yield the problems of cross-attention, at paths within these settings."""
        yield from self.problems(context)
