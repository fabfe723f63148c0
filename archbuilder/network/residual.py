"""The surroundings of a sublayer: norms, dropout, the residual sum, and how its summands weigh."""

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

Placement = Literal["post", "pre", "sandwich"]


class ResidualScalingConfig(Spec):
    """The interface of residual scalings."""

    @abstractmethod
    def build(
        self, layers: LayerNamespace, name: str, context: LayerContext
    ) -> Callable[[Any], Any]:
        """Return what the output of the sublayer called `name` goes through before the sum."""

    @abstractmethod
    def alpha(self, context: LayerContext) -> float:
        """Return the factor on the stream beside the sublayer."""

    @abstractmethod
    def beta(self, context: LayerContext) -> float:
        """Return the factor on the initial weights of the sublayer."""


class LayerScaleConfig(ResidualScalingConfig):
    """A learned factor for each channel of a sublayer's output (Touvron et al., 2021, section 2.1).

    It is small at first, so that a deep stack is close to the identity.
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
    """Weigh the stream more and initialize sublayers smaller, by depth.

    Wang et al., 2022, figure 2.
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
        if context.memory:
            return (3 * context.depth) ** 0.25
        return 0.81 * (context.depth**4 * context.other_depth) ** 0.0625

    @override
    def beta(self, context: LayerContext) -> float:
        if not context.other_depth:
            return (8 * context.depth) ** -0.25
        if context.memory:
            return (12 * context.depth) ** -0.25
        return 0.87 * (context.depth**4 * context.other_depth) ** -0.0625


AnyResidualScaling = Annotated[LayerScaleConfig | DeepNormConfig, Field(discriminator="type")]


class ResidualConfig(Spec):
    """The surroundings of each sublayer of a layer."""

    norm: AnyNorm
    """Normalization around every sublayer."""
    norm_placement: Placement = "post"
    """After each residual sum; before each sublayer (Xiong et al., 2020); or both before and after
    each sublayer, within the residual sum (Ding et al., 2021, section 2.4)."""
    residual_scaling: AnyResidualScaling | None = None
    """How a sublayer's output weighs beside the stream that it is added to."""
    dropout: Probability = 0.0
    """Fraction of each sublayer's output dropped in training, before the residual sum."""
    stochastic_depth: Probability = 0.0
    """Fraction of the examples for which a sublayer is skipped in training (Huang et al., 2016). A
    fraction that grows with depth, as proposed there, is written with overrides."""


class Residual:
    """The surroundings of one sublayer."""

    def __init__(
        self,
        config: ResidualConfig,
        layers: LayerNamespace,
        name: str,
        context: LayerContext,
        norm_first: bool = True,
    ) -> None:
        """Build the surroundings of the sublayer called `name`.

        Args:
            config: The surroundings of all sublayers of the layer.
            layers: `keras.layers` or a `ParameterCounter`.
            name: Name of the sublayer, a prefix of the names of its weights.
            context: Where the layer is.
            norm_first: Whether the norm before the sublayer is there, where one is asked for.
        """

        def norm(kind: str) -> Any:
            return config.norm.build(layers, f"{name}.{kind}", context.width, context.role())

        post, sandwich = config.norm_placement == "post", config.norm_placement == "sandwich"
        self.before = norm("norm") if not post and norm_first else identity
        self.within = norm("output_norm") if sandwich else identity
        self.after = norm("norm") if post else identity
        self.dropout = dropout(layers, f"{name}.residual_dropout", config.dropout)
        self.skip = example_dropout(layers, f"{name}.stochastic_depth", config.stochastic_depth)
        scaling = config.residual_scaling
        self.scale = scaling.build(layers, name, context) if scaling else identity
        self.alpha = scaling.alpha(context) if scaling else 1.0

    def __call__(self, hidden: Any, sublayer: Callable[[Any], Any]) -> Any:
        """Return [B, T, D] for hidden [B, T, D] and a function of the same shapes."""
        inner = self.within(sublayer(self.before(hidden)))
        if self.alpha != 1:
            hidden = hidden * self.alpha
        return self.after(hidden + self.skip(self.scale(self.dropout(inner))))
