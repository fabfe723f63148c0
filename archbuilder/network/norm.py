"""Normalization of the vectors of tokens."""

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
        """Return the Keras layer for vectors of width `dim`.

        Args:
            layers: `keras.layers` or a `ParameterCounter`.
            name: Name of the layer, unique in the model.
            dim: Width of the vectors.
            role: Role of the layer in training. Default: that of a head.
        """


class LayerNormConfig(NormConfig):
    """Layer normalization: zero mean and unit variance, then a learned gain and bias.

    Ba et al., 2016.
    """

    type: Literal["layer_norm"]
    epsilon: PositiveFloat = 1e-6
    """Number added to the variance before the square root."""
    use_bias: bool = True
    """Whether a learned bias is added after the gain."""

    @override
    def build(self, layers: LayerNamespace, name: str, dim: int, role: LayerRole = HEAD) -> Any:
        layer = layers.LayerNormalization(epsilon=self.epsilon, center=self.use_bias, name=name)
        return build_layer(layer, (None, None, dim), role.as_vectors())


class RmsNormConfig(NormConfig):
    """RMS normalization: each vector is divided by its root mean square, then a learned gain.

    Zhang and Sennrich, 2019, equation 4.
    """

    type: Literal["rms_norm"]
    epsilon: PositiveFloat = 1e-6
    """Number added to the mean square before the square root."""

    @override
    def build(self, layers: LayerNamespace, name: str, dim: int, role: LayerRole = HEAD) -> Any:
        layer = layers.RMSNormalization(epsilon=self.epsilon, name=name)
        return build_layer(layer, (None, None, dim), role.as_vectors())


AnyNorm = Annotated[LayerNormConfig | RmsNormConfig, Field(discriminator="type")]
