"""The interface of positions within attention: a config, and the hooks that it builds."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from archbuilder.language import Problem, Spec
from archbuilder.network.attention_mask import TokenPositions
from archbuilder.network.layer_context import LayerContext
from archbuilder.network.layer_namespace import LayerNamespace


class AttentionPosition:
    """The hooks that an attention layer calls. By default, each returns its input.

    Keys are rotated once, with the features of their own positions, before they are written to the
    cache, so the hooks never receive keys of earlier decoding steps.
    """

    def features(self, positions: TokenPositions, dtype: str) -> Any:
        """Return tensors that depend only on positions, for all layers that share these positions.

        Args:
            positions: Positions of queries and keys.
            dtype: Type of the tensors.
        """
        return None

    def bias(self, mask: Any, features: Any) -> Any:
        """Return the bias of the attention logits, broadcastable to [B, H, T, S].

        Args:
            mask: Bias of the attention mask, [B or 1, 1, T, S], which the result includes.
            features: Output of `features`.
        """
        return mask

    def rotate(self, heads: Any, features: Any) -> Any:
        """Return rotated queries or keys, [B, H, T, K]."""
        return heads

    def rotate_queries(self, queries: Any, features: Any) -> Any:
        """Return rotated queries, [B, H, T, K]. Default: `rotate`."""
        return self.rotate(queries, features)

    def rotate_keys(self, keys: Any, features: Any) -> Any:
        """Return rotated keys, [B, H, T, K]. Default: `rotate`."""
        return self.rotate(keys, features)

    def adjust_logits(self, logits: Any, queries: Any, features: Any) -> Any:
        """Return attention logits [B, H, T, S] with positions added.

        Args:
            logits: Products of queries and keys, [B, H, T, S].
            queries: Rotated and scaled queries, [B, H, T, K].
            features: Output of `features`.
        """
        return logits

    def adjust_output(self, attended: Any, weights: Any, features: Any) -> Any:
        """Return attended values [B, H, T, K] with positions added.

        Args:
            attended: Sums of the values by attention weights, [B, H, T, K].
            weights: Attention weights, [B, H, T, S].
            features: Output of `features`.
        """
        return attended


class AttentionPositionConfig(Spec):
    """The interface of positions within attention."""

    shared: ClassVar[bool] = True
    """Whether layers of a stack with equal settings share one set of weights and features."""

    @abstractmethod
    def build(
        self, layers: LayerNamespace, name: str, num_heads: int, key_dim: int, context: LayerContext
    ) -> AttentionPosition:
        """Return the positions.

        Args:
            layers: `keras.layers` or a `ParameterCounter`.
            name: Name of the positions, a prefix of the names of their layers.
            num_heads: Number of heads.
            key_dim: Number of channels of each head.
            context: Context of the layer in its stack.
        """

    def problems(self, key_dim: int) -> Iterator[Problem]:
        """Yield the problems with heads of `key_dim` channels, at paths within these settings."""
        yield from ()


@dataclass(frozen=True)
class PositionRequest:
    """A request of an attention layer for positions; equal requests share them."""

    config: AttentionPositionConfig
    num_heads: int
    key_dim: int
    """Number of channels that positions apply to: those of a head, or some of them."""

    def build(self, layers: LayerNamespace, name: str, context: LayerContext) -> AttentionPosition:
        """Return the positions."""
        return self.config.build(layers, name, self.num_heads, self.key_dim, context)
