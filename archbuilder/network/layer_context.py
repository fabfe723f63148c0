"""Where a layer is in its stack, and what all layers of a stack have in common."""

from dataclasses import dataclass, replace

from archbuilder.network.initializer import NO_GAINS, Gains, Initializer
from archbuilder.network.layer_role import LayerRole, Shard


@dataclass(frozen=True)
class LayerContext:
    """What the parts of a layer are built with, and checked against."""

    width: int
    """Channels of the hidden vectors."""
    depth: int
    """Layers in the stack."""
    causal: bool
    """Whether a token attends only to itself and to earlier tokens."""
    initializer: Initializer
    """How the weights are initialized."""
    memory: bool = False
    """Whether the stack attends to the output of another one."""
    other_depth: int = 0
    """Layers of the stack that this one attends to or is attended to by; 0 without such a stack."""
    max_sequence_length: int | None = None
    """Longest sequence that the model accepts; None without a limit."""
    index: int = 0
    """Zero-based index of the layer in its stack; of the first of those that share its weights."""
    group: int = 0
    """Zero-based index of the layer's weights: `index`, unless layers share their weights."""
    gains: Gains = NO_GAINS
    """Factors on the initial weights of the sublayers."""
    layerwise_rates: bool = True
    """Whether layer-wise learning-rate decay applies to the stack."""

    def at(self, index: int, group: int) -> "LayerContext":
        """Return the context of one layer of the stack."""
        return replace(self, index=index, group=group)

    def with_gains(self, gains: Gains) -> "LayerContext":
        """Return the context of the sublayers, whose initial weights are scaled by `gains`."""
        return replace(self, gains=gains)

    def role(self, shard: Shard | None = None) -> LayerRole:
        """Return the role of a projection in this layer."""
        return LayerRole(shard, stack_matrix=True, distance_to_heads=self._distance_to_heads)

    @property
    def _distance_to_heads(self) -> int:
        return self.depth - self.group if self.layerwise_rates else 0
