"""The namespace whose constructors every `build` calls."""

from collections.abc import Callable
from typing import Any, Protocol


class LayerNamespace(Protocol):
    """Constructors of layers, with the arguments of `keras.layers`.

    `keras.layers` itself builds a model; a `ParameterCounter` only counts weights. To use another
    Keras layer, add it here and to the counter.
    """

    @property
    def Dense(self) -> Callable[..., Any]:
        """Constructor of projections of the last axis."""
        ...

    @property
    def Dropout(self) -> Callable[..., Any]:
        """Constructor of dropout layers."""
        ...

    @property
    def EinsumDense(self) -> Callable[..., Any]:
        """Constructor of projections that are given by an einsum equation."""
        ...

    @property
    def Embedding(self) -> Callable[..., Any]:
        """Constructor of embeddings."""
        ...

    @property
    def LayerNormalization(self) -> Callable[..., Any]:
        """Constructor of layer normalization."""
        ...

    @property
    def Reshape(self) -> Callable[..., Any]:
        """Constructor of layers that change the shape."""
        ...

    @property
    def ReversibleEmbedding(self) -> Callable[..., Any]:
        """Constructor of embeddings that are also output projections."""
        ...

    @property
    def RMSNormalization(self) -> Callable[..., Any]:
        """Constructor of RMS normalization."""
        ...
