"""The context of a layer: its index in the stack, and facts about the stack."""

from dataclasses import dataclass, replace

from archbuilder.network.initializer import NO_GAINS, Gains, Initializer
from archbuilder.network.layer_role import LayerRole, Shard


@dataclass(frozen=True)
class LayerContext:
    """The context in which the sublayers of a layer are validated and built."""

    width: int
    """Number of channels of the hidden vectors."""
    depth: int
    """Number of layers in the stack."""
    causal: bool
    """Whether a token attends only to itself and to earlier tokens."""
    initializer: Initializer
    """Initializer of the weights."""
    has_memory: bool = False
    """Whether the layers have cross-attention to the output of another stack. Default: False."""
    other_depth: int = 0
    """Number of layers of the other stack of an encoder-decoder. Default: 0, for a single stack."""
    max_sequence_length: int | None = None
    """Maximum sequence length in tokens. Default: None, no limit."""
    index: int = 0
    """Zero-based index of the layer in its stack, or of the first layer with the same weights.
    Default: 0."""
    group: int = 0
    """Zero-based index of the group of layers that share weights; equal to `index` if no
    layers share weights. Default: 0."""
    gains: Gains = NO_GAINS
    """Factors that the initial weights of the sublayers are multiplied by. Default: all 1."""
    layerwise_rates: bool = True
    """Whether layer-wise learning-rate decay applies to the stack. Default: True."""

    def at(self, index: int, group: int) -> "LayerContext":
        """Return the context of layer `index`, which uses the weights of group `group`."""
        return replace(self, index=index, group=group)

    def with_gains(self, gains: Gains) -> "LayerContext":
        """Return the context with the factors `gains`."""
        return replace(self, gains=gains)

    def role(self, shard: Shard | None = None) -> LayerRole:
        """Return the role of a projection in this layer.

        Args:
            shard: How model parallelism splits the projection. Default: None, it is not split.
        """
        return LayerRole(shard, stack_matrix=True, distance_to_heads=self._distance_to_heads)

    @property
    def _distance_to_heads(self) -> int:
        return self.depth - self.group if self.layerwise_rates else 0
