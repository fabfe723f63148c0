"""Stand-ins for Keras's layers whose `build` only counts weights, without Keras."""

from collections.abc import Callable, Mapping
from math import prod
from typing import TYPE_CHECKING, Any, Protocol

from archbuilder.network.layer_namespace import LayerNamespace
from archbuilder.network.layer_role import HEAD, LayerRole

if TYPE_CHECKING:
    from archbuilder.network.backbone import Backbone, BackboneConfig

Shapes = dict[str, tuple[int, ...]]
"""Shapes of the weights of a layer, by their names."""


class ParameterCounter:
    """A namespace to use in place of `keras.layers`.

    `weights` maps each layer's name to its weights' names and shapes, in the order they were built,
    and `roles` to the layer's role. A layer that is shared is built once and counted once.
    """

    def __init__(self) -> None:
        self.weights: dict[str, Shapes] = {}
        self.roles: dict[str, LayerRole] = {}

    def Dense(self, units: int, *, use_bias: bool = True, name: str, **_: Any) -> "_Entry":
        return _Entry(self, name, lambda shape: _dense(shape[-1], units, use_bias))

    def Embedding(self, rows: int, dim: int, *, name: str, **_: Any) -> "_Entry":
        return _Entry(self, name, lambda shape: {"embeddings": (rows, dim)})

    ReversibleEmbedding = Embedding

    def EinsumDense(self, equation: str, output_shape: Any, *, name: str, **_: Any) -> "_Entry":
        return _Entry(self, name, lambda shape: {"kernel": shape[-1:]})

    def LayerNormalization(self, *, center: bool = True, name: str, **_: Any) -> "_Entry":
        weights = ("gamma", "beta") if center else ("gamma",)
        return _Entry(self, name, lambda shape: dict.fromkeys(weights, shape[-1:]))

    def RMSNormalization(self, *, name: str, **_: Any) -> "_Entry":
        return _Entry(self, name, lambda shape: {"scale": shape[-1:]})

    def Dropout(self, rate: Any, *, name: str, **_: Any) -> "_Entry":
        return _Entry(self, name, lambda shape: {})

    Reshape = Activation = Dropout

    def total(self, part: str | None = None) -> int:
        """Return the number of parameters of the layer or group of layers called `part`, or all."""
        return sum(
            prod(shape)
            for name, weights in self.weights.items()
            if part is None or name == part or name.startswith(f"{part}.")
            for shape in weights.values()
        )


class _BuildsHead(Protocol):
    """An objective, of which only the head is counted."""

    def build(self, layers: LayerNamespace, name: str, backbone: "Backbone") -> Any: ...


def count_parameters(
    config: "BackboneConfig", objectives: Mapping[str, _BuildsHead]
) -> ParameterCounter:
    """Return the counter of every weight of a backbone and of the objectives' heads on it."""
    counter = ParameterCounter()
    backbone = config.build(counter)
    for name, objective in objectives.items():
        objective.build(counter, name, backbone)
    return counter


class _Entry:
    """A layer that records its weights and its role when it is built."""

    compute_dtype = reverse_dtype = None
    role: LayerRole = HEAD

    def __init__(
        self, counter: ParameterCounter, name: str, shapes: Callable[[tuple], Shapes]
    ) -> None:
        self.counter, self.name, self.shapes = counter, name, shapes

    def build(self, shape: tuple) -> None:
        self.counter.weights[self.name] = self.shapes(shape)
        self.counter.roles[self.name] = self.role


def _dense(input_dim: int, units: int, use_bias: bool) -> Shapes:
    return {"kernel": (input_dim, units)} | ({"bias": (units,)} if use_bias else {})
