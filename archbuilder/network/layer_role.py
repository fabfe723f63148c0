"""The role of a layer in training, recorded when the layer is made and never derived from its name.

Sharding, weight decay, layer-wise learning rates and Muon read it: from the `role` of a Keras layer
or from `ParameterCounter.roles`. It exists in memory only and is not saved with the model.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Literal

Shard = Literal["column", "row", "table"]
"""How model parallelism splits a layer: a projection by its outputs (column) or by its inputs
(row), a table by the channels of its vectors."""


@dataclass(frozen=True)
class LayerRole:
    """How training treats the weights of a layer; the defaults are those of a head's projection."""

    shard: Shard | None = None
    """The split under model parallelism; None where every device holds the whole layer."""
    decays: bool = True
    """Whether weight decay applies to the layer's matrices."""
    stack_matrix: bool = False
    """Whether the layer is a projection within a stack, whose kernel Muon orthogonalizes."""
    distance_to_heads: int = 0
    """Layers from the heads down to this one: 0 for a head, 1 for the top layer of a stack.
    Layer-wise learning-rate decay applies once for each."""

    def decays_weight(self, shape: tuple[int, ...]) -> bool:
        """Return whether weight decay applies to the weight of this shape."""
        return self.decays and len(shape) > 1

    def as_table(self) -> "LayerRole":
        """Return the role of an embedding in the same position."""
        return replace(self, stack_matrix=False)

    def as_vectors(self) -> "LayerRole":
        """Return the role of a norm, a bias or a scale in the same position."""
        return replace(self, stack_matrix=False, decays=False)


HEAD = LayerRole()
"""The role of a projection above the stacks."""

_being_built: ContextVar[LayerRole] = ContextVar("role of the layer that is being built")


def role_of(layer: Any) -> LayerRole:
    """Return the role recorded on a Keras layer."""
    return getattr(layer, "role", HEAD)


def role_being_built() -> LayerRole | None:
    """Return the role of the layer whose weights are being created; None outside of a build.

    A Keras distribution is asked for the layout of a weight while the layer creates it, when the
    layer is not yet known.
    """
    return _being_built.get(None)


def build_layer(layer: Any, shape: tuple[int | None, ...], role: LayerRole) -> Any:
    """Create the weights of a layer for inputs of `shape`, record its role, and return it."""
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
