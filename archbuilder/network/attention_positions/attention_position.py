"""The interface of attention positions: a config, and the hooks of what it builds."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from archbuilder.language import Problem, Spec
from archbuilder.network.attention_mask import TokenPositions
from archbuilder.network.layer_context import LayerContext
from archbuilder.network.layer_namespace import LayerNamespace


class AttentionPosition:
    """Hooks of an attention layer; each returns its input unless it is overridden.

    Keys are rotated once, with the features of their own positions, also when they are kept in a
    cache: the hooks never see the keys of earlier decoding steps.
    """

    def features(self, positions: TokenPositions, dtype: str) -> Any:
        """Return what depends on positions alone, computed once for all layers of a stack."""
        return None

    def bias(self, mask: Any, features: Any) -> Any:
        """Return what is added to the logits [B, H, T, S], the `mask` included."""
        return mask

    def rotate(self, heads: Any, features: Any) -> Any:
        """Return queries or keys [B, H, T, K] with their positions applied."""
        return heads

    def rotate_queries(self, queries: Any, features: Any) -> Any:
        """Return queries [B, H, T, K] with their positions applied. Default: `rotate`."""
        return self.rotate(queries, features)

    def rotate_keys(self, keys: Any, features: Any) -> Any:
        """Return keys [B, H, T, K] with their positions applied. Default: `rotate`."""
        return self.rotate(keys, features)

    def score(self, scores: Any, queries: Any, features: Any) -> Any:
        """Return the logits [B, H, T, S] of queries [B, H, T, K]."""
        return scores

    def mix(self, attended: Any, weights: Any, features: Any) -> Any:
        """Return the values [B, H, T, K] that the weights [B, H, T, S] gathered."""
        return attended


class AttentionPositionConfig(Spec):
    """The interface of positions within attention."""

    shared: ClassVar[bool] = True
    """Whether layers of a stack with equal settings share one layer and its features."""

    @abstractmethod
    def build(
        self, layers: LayerNamespace, name: str, num_heads: int, key_dim: int, context: LayerContext
    ) -> AttentionPosition:
        """Return the positions for `num_heads` heads, each of width `key_dim`."""

    def problems(self, key_dim: int) -> Iterator[Problem]:
        """Yield what does not fit heads of width `key_dim`."""
        yield from ()


@dataclass(frozen=True)
class PositionRequest:
    """The positions that an attention layer asks its stack for; equal requests share a layer."""

    config: AttentionPositionConfig
    num_heads: int
    key_dim: int
    """Width of what is rotated and scored: of a head, or of a part of it."""

    def build(self, layers: LayerNamespace, name: str, context: LayerContext) -> AttentionPosition:
        """Return the positions."""
        return self.config.build(layers, name, self.num_heads, self.key_dim, context)
