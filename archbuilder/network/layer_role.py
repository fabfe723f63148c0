"""The role of a layer in training, recorded when the layer is created, never derived from its name.

Sharding, weight decay, layer-wise learning rates and Muon read the role from the attribute `role`
of a Keras layer or from `ParameterCounter.roles`. It is not saved with the model.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Literal

Shard = Literal["column", "row", "table"]
"""Axis on which model parallelism splits a layer.

`column` splits a projection by its outputs and `row` by its inputs; `table` splits an embedding
matrix by the channels of its vectors."""


@dataclass(frozen=True)
class LayerRole:
    """The treatment of a layer's weights in training; the defaults are those of a head."""

    shard: Shard | None = None
    """Axis on which model parallelism splits the layer. Default: None, each device has all of
    it."""
    decays: bool = True
    """Whether weight decay applies to the matrices of the layer. Default: True."""
    stack_matrix: bool = False
    """Whether the layer is a projection within a stack, whose updates Muon orthogonalizes. Default:
    False."""
    distance_to_heads: int = 0
    """Number of layers from the heads to this layer: 0 for a head, 1 for the last layer of a stack.
    Layer-wise learning-rate decay is applied that many times. Default: 0."""

    def decays_weight(self, shape: tuple[int, ...]) -> bool:
        """Return whether weight decay applies to a weight of this layer that has this shape."""
        return self.decays and len(shape) > 1

    def as_table(self) -> "LayerRole":
        """Return the role of an embedding matrix at the same distance."""
        return replace(self, stack_matrix=False)

    def as_vectors(self) -> "LayerRole":
        """Return the role of a norm, a bias or a scale at the same distance."""
        return replace(self, stack_matrix=False, decays=False)


HEAD = LayerRole()
"""Role of a projection in a head."""

_being_built: ContextVar[LayerRole] = ContextVar("role of the layer that is being built")


def role_of(layer: Any) -> LayerRole:
    """Return the role recorded on a Keras layer."""
    return getattr(layer, "role", HEAD)


def role_being_built() -> LayerRole | None:
    """Return the role of the layer whose weights are being created; None outside of a build.

    Keras asks a distribution for the layout of a weight while a layer creates the weight, and does
    not name the layer.
    """
    return _being_built.get(None)


def build_layer(layer: Any, shape: tuple[int | None, ...], role: LayerRole) -> Any:
    """Record the role of a layer, create its weights for inputs of `shape`, and return it."""
    layer.role = role
    with _building(role):
        layer.build(shape)
    return layer


@contextmanager
def _building(role: LayerRole) -> Iterator[None]:
    token = _being_built.set(role)
    try:
        yield
    finally:
        _being_built.reset(token)
