"""A parameter counter: constructors like those of Keras, whose layers only record their weights."""

from collections.abc import Callable, Mapping
from math import prod
from typing import TYPE_CHECKING, Any, Protocol

from archbuilder.network.layer_namespace import LayerNamespace
from archbuilder.network.layer_role import HEAD, LayerRole

if TYPE_CHECKING:
    from archbuilder.network.backbone import Backbone, BackboneConfig

Shapes = dict[str, tuple[int, ...]]
"""Shapes of the weights of a layer, by name."""


class ParameterCounter:
    """A replacement for `keras.layers` that counts weights and does not need Keras.

    `weights` has the names and shapes of the weights of each layer, by the name of the layer and in
    the order of building; `roles` has the role of each layer. A shared layer is counted once.
    """

    def __init__(self) -> None:
        self.weights: dict[str, Shapes] = {}
        self.roles: dict[str, LayerRole] = {}

    def Dense(self, units: int, *, use_bias: bool = True, name: str, **_: Any) -> "_RecordedLayer":
        """Return a layer with a kernel and an optional bias."""
        return _RecordedLayer(self, name, lambda shape: _dense_shapes(shape[-1], units, use_bias))

    def Embedding(self, rows: int, dim: int, *, name: str, **_: Any) -> "_RecordedLayer":
        """Return a layer with an embedding matrix."""
        return _RecordedLayer(self, name, lambda shape: {"embeddings": (rows, dim)})

    ReversibleEmbedding = Embedding

    def EinsumDense(
        self, equation: str, output_shape: Any, *, name: str, **_: Any
    ) -> "_RecordedLayer":
        """Return a layer with a kernel [D], as `channel_scale` uses it."""
        return _RecordedLayer(self, name, lambda shape: {"kernel": shape[-1:]})

    def LayerNormalization(self, *, center: bool = True, name: str, **_: Any) -> "_RecordedLayer":
        """Return a layer with a scale `gamma` and an optional offset `beta`."""
        weights = ("gamma", "beta") if center else ("gamma",)
        return _RecordedLayer(self, name, lambda shape: dict.fromkeys(weights, shape[-1:]))

    def RMSNormalization(self, *, name: str, **_: Any) -> "_RecordedLayer":
        """Return a layer with a scale."""
        return _RecordedLayer(self, name, lambda shape: {"scale": shape[-1:]})

    def Dropout(self, rate: Any, *, name: str, **_: Any) -> "_RecordedLayer":
        """Return a layer without weights."""
        return _RecordedLayer(self, name, lambda shape: {})

    Reshape = Activation = Dropout

    def total(self, prefix: str | None = None) -> int:
        """Return the number of parameters.

        Args:
            prefix: Name of a layer, or of a group of layers such as "encoder". Default: all layers.
        """
        return sum(
            prod(shape)
            for name, weights in self.weights.items()
            if prefix is None or name == prefix or name.startswith(f"{prefix}.")
            for shape in weights.values()
        )


class _HeadBuilder(Protocol):
    """The interface of objectives whose heads are counted."""

    def build(self, layers: LayerNamespace, name: str, backbone: "Backbone") -> Any:
        """Return the head."""


def count_parameters(
    config: "BackboneConfig", objectives: Mapping[str, _HeadBuilder]
) -> ParameterCounter:
    """Return the counter of all weights of a backbone and of the heads of its objectives.

    Args:
        config: The backbone.
        objectives: The objectives by name.
    """
    counter = ParameterCounter()
    backbone = config.build(counter)
    for name, objective in objectives.items():
        objective.build(counter, name, backbone)
    return counter


class _RecordedLayer:
    """A layer that records its weights and its role when it is built."""

    compute_dtype = reverse_dtype = None  # Keras attributes that `layer.embedding` uses.
    role: LayerRole = HEAD

    def __init__(
        self, counter: ParameterCounter, name: str, shapes: Callable[[tuple], Shapes]
    ) -> None:
        self.counter, self.name, self.shapes = counter, name, shapes

    def build(self, shape: tuple) -> None:
        """Record the weights and the role."""
        self.counter.weights[self.name] = self.shapes(shape)
        self.counter.roles[self.name] = self.role


def _dense_shapes(input_dim: int, units: int, use_bias: bool) -> Shapes:
    return {"kernel": (input_dim, units)} | ({"bias": (units,)} if use_bias else {})
