"""The namespace that every `build` makes its layers from."""

from collections.abc import Callable
from typing import Any, Protocol


class LayerNamespace(Protocol):
    """Constructors of layers, called as those of `keras.layers`.

    `keras.layers` itself builds a model; a `ParameterCounter` only counts its weights. A layer that
    is used for the first time is added here and to the counter.
    """

    @property
    def Dense(self) -> Callable[..., Any]: ...
    @property
    def Dropout(self) -> Callable[..., Any]: ...
    @property
    def EinsumDense(self) -> Callable[..., Any]: ...
    @property
    def Embedding(self) -> Callable[..., Any]: ...
    @property
    def LayerNormalization(self) -> Callable[..., Any]: ...
    @property
    def Reshape(self) -> Callable[..., Any]: ...
    @property
    def ReversibleEmbedding(self) -> Callable[..., Any]: ...
    @property
    def RMSNormalization(self) -> Callable[..., Any]: ...
