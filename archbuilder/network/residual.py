"""The residual connection around a sublayer: norms, dropout, and the scaled sum."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat
from typing_extensions import override

from archbuilder.language import Spec
from archbuilder.network.layer import (
    Probability,
    channel_scale,
    dropout,
    example_dropout,
    identity,
)
from archbuilder.network.layer_context import LayerContext
from archbuilder.network.layer_namespace import LayerNamespace
from archbuilder.network.norm import AnyNorm

NormPlacement = Literal["post", "pre", "sandwich"]


class ResidualScalingConfig(Spec):
    """The interface of the scalings of a residual connection."""

    @abstractmethod
    def build(
        self, layers: LayerNamespace, name: str, context: LayerContext
    ) -> Callable[[Any], Any]:
        """Return the function that scales the output of the sublayer `name` before the sum."""

    @abstractmethod
    def alpha(self, context: LayerContext) -> float:
        """Return the factor of the residual stream, the input of the sublayer."""

    @abstractmethod
    def beta(self, context: LayerContext) -> float:
        """Return the factor of the initial weights of the sublayer."""


class LayerScaleConfig(ResidualScalingConfig):
    """LayerScale: a learned factor for each channel of a sublayer's output.

    Touvron et al., 2021, section 2.1. The initial factors are small, so that a deep stack starts
    close to the identity.
    """

    type: Literal["layer_scale"]
    initial: PositiveFloat = 0.1
    """Initial value of the factors."""

    @override
    def build(
        self, layers: LayerNamespace, name: str, context: LayerContext
    ) -> Callable[[Any], Any]:
        return channel_scale(layers, f"{name}.scale", context.width, self.initial, context.role())

    @override
    def alpha(self, context: LayerContext) -> float:
        return 1.0

    @override
    def beta(self, context: LayerContext) -> float:
        return 1.0


class DeepNormConfig(ResidualScalingConfig):
    """DeepNorm: a larger residual stream and smaller initial weights in deeper stacks.

    Wang et al., 2022, figure 2. It requires `norm_placement: post`.
    """

    type: Literal["deep_norm"]

    @override
    def build(
        self, layers: LayerNamespace, name: str, context: LayerContext
    ) -> Callable[[Any], Any]:
        return identity

    @override
    def alpha(self, context: LayerContext) -> float:
        if not context.other_depth:
            return (2 * context.depth) ** 0.25
        if context.has_memory:
            return (3 * context.depth) ** 0.25
        return 0.81 * (context.depth**4 * context.other_depth) ** 0.0625

    @override
    def beta(self, context: LayerContext) -> float:
        if not context.other_depth:
            return (8 * context.depth) ** -0.25
        if context.has_memory:
            return (12 * context.depth) ** -0.25
        return 0.87 * (context.depth**4 * context.other_depth) ** -0.0625


AnyResidualScaling = Annotated[LayerScaleConfig | DeepNormConfig, Field(discriminator="type")]


class ResidualConfig(Spec):
    """The residual connections of a layer."""

    norm: AnyNorm
    """Normalization of each sublayer."""
    norm_placement: NormPlacement = "post"
    """Position of the norms: `post`, after each residual sum (Vaswani et al., 2017); `pre`, before
    each sublayer (Xiong et al., 2020); `sandwich`, before and after each sublayer, inside the
    residual connection (Ding et al., 2021, section 2.4)."""
    residual_scaling: AnyResidualScaling | None = None
    """Scaling of the two terms of each residual sum. Default: none, a plain sum."""
    dropout: Probability = 0.0
    """Dropout rate of each sublayer's output before the residual sum, at least 0 and below 1."""
    stochastic_depth: Probability = 0.0
    """Fraction of the examples for which a sublayer is skipped in training, from 0 to 1 (Huang et
    al., 2016). For a fraction that grows with depth, as in the paper, use overrides."""


class Residual:
    """The residual connection around one sublayer."""

    def __init__(
        self,
        config: ResidualConfig,
        layers: LayerNamespace,
        name: str,
        context: LayerContext,
        norm_first: bool = True,
    ) -> None:
        """Build the residual connection around the sublayer called `name`.

        Args:
            config: Settings of the residual connections of the layer.
            layers: `keras.layers` or a `ParameterCounter`.
            name: Name of the sublayer, a prefix of the names of its Keras layers.
            context: Context of the layer.
            norm_first: Whether there is a norm before the sublayer if `norm_placement` asks for it.
                Default: True.
        """

        def norm(kind: str) -> Any:
            return config.norm.build(layers, f"{name}.{kind}", context.width, context.role())

        post, sandwich = config.norm_placement == "post", config.norm_placement == "sandwich"
        self.input_norm = norm("norm") if not post and norm_first else identity
        self.sublayer_output_norm = norm("output_norm") if sandwich else identity
        self.output_norm = norm("norm") if post else identity
        self.dropout = dropout(layers, f"{name}.residual_dropout", config.dropout)
        self.skip = example_dropout(layers, f"{name}.stochastic_depth", config.stochastic_depth)
        scaling = config.residual_scaling
        self.scale = scaling.build(layers, name, context) if scaling else identity
        self.alpha = scaling.alpha(context) if scaling else 1.0

    def __call__(self, hidden: Any, sublayer: Callable[[Any], Any]) -> Any:
        """Return [B, T, D] for hidden vectors [B, T, D] and a function of the same shapes."""
        residual = self.sublayer_output_norm(sublayer(self.input_norm(hidden)))
        if self.alpha != 1:
            hidden = hidden * self.alpha
        return self.output_norm(hidden + self.skip(self.scale(self.dropout(residual))))
