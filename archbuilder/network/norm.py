"""Normalisation: what keeps each token's vector at one scale."""

from typing import Literal

from pydantic import PositiveFloat

from archbuilder.language import Spec


class LayerNorm(Spec):
    """Centre and scale each token's vector, then a learned gain and bias (Ba et al., 2016)."""

    type: Literal["layer_norm"]
    epsilon: PositiveFloat = 1e-6
    """Added to the variance before its root is taken."""

    def build(self, layers, name: str, dim: int):
        layer = layers.LayerNormalization(epsilon=self.epsilon, name=name)
        layer.build((None, None, dim))
        return layer


Norm = LayerNorm
