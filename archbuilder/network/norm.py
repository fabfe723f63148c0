"""Normalisation: what keeps each token's vector at one scale."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat

from archbuilder.language import Spec


class LayerNormConfig(Spec):
    """Centre and scale each token's vector, then a learned gain and bias (Ba et al., 2016)."""

    type: Literal["layer_norm"]
    epsilon: PositiveFloat = 1e-6
    """Added to the variance before its root is taken."""
    use_bias: bool = True
    """Whether a learned bias is added behind the gain."""

    def build(self, layers, name: str, dim: int):
        layer = layers.LayerNormalization(epsilon=self.epsilon, center=self.use_bias, name=name)
        layer.build((None, None, dim))
        return layer


class RmsNormConfig(Spec):
    """Scale each token's vector by the root of its mean square, then a learned gain.

    Zhang and Sennrich, 2019, equation 4.
    """

    type: Literal["rms_norm"]
    epsilon: PositiveFloat = 1e-6
    """Added to the mean square before its root is taken."""

    def build(self, layers, name: str, dim: int):
        layer = layers.RMSNormalization(epsilon=self.epsilon, name=name)
        layer.build((None, None, dim))
        return layer


AnyNorm = Annotated[LayerNormConfig | RmsNormConfig, Field(discriminator="type")]
