"""Normalization, which keeps the vectors of tokens at one scale."""

from abc import abstractmethod
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat
from typing_extensions import override

from archbuilder.language import Spec
from archbuilder.network.layer_namespace import LayerNamespace
from archbuilder.network.layer_role import HEAD, LayerRole, build_layer


class NormConfig(Spec):
    """The interface of normalizations."""

    @abstractmethod
    def build(self, layers: LayerNamespace, name: str, dim: int, role: LayerRole = HEAD) -> Any:
        """Return the layer for vectors of width `dim`."""


class LayerNormConfig(NormConfig):
    """Centre and scale each token's vector, then a learned gain and bias (Ba et al., 2016)."""

    type: Literal["layer_norm"]
    epsilon: PositiveFloat = 1e-6
    """Added to the variance before its root is taken."""
    use_bias: bool = True
    """Whether a learned bias is added behind the gain."""

    @override
    def build(self, layers: LayerNamespace, name: str, dim: int, role: LayerRole = HEAD) -> Any:
        layer = layers.LayerNormalization(epsilon=self.epsilon, center=self.use_bias, name=name)
        return build_layer(layer, (None, None, dim), role.as_vectors())


class RmsNormConfig(NormConfig):
    """Scale each token's vector by the root of its mean square, then a learned gain.

    Zhang and Sennrich, 2019, equation 4.
    """

    type: Literal["rms_norm"]
    epsilon: PositiveFloat = 1e-6
    """Added to the mean square before its root is taken."""

    @override
    def build(self, layers: LayerNamespace, name: str, dim: int, role: LayerRole = HEAD) -> Any:
        layer = layers.RMSNormalization(epsilon=self.epsilon, name=name)
        return build_layer(layer, (None, None, dim), role.as_vectors())


AnyNorm = Annotated[LayerNormConfig | RmsNormConfig, Field(discriminator="type")]
