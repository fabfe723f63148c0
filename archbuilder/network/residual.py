"""What stands around a sublayer: norms, dropout, the residual sum, and how its two sides weigh."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat

from archbuilder.language import Spec
from archbuilder.network.layer import (
    Probability,
    channel_scale,
    dropout,
    example_dropout,
    identity,
)
from archbuilder.network.norm import AnyNorm

Placement = Literal["post", "pre", "sandwich"]


@dataclass(frozen=True)
class Depths:
    """How many layers a stack has and, where there is another, that one; and which reads which."""

    own: int
    other: int = 0
    reads: bool = False


class LayerScaleConfig(Spec):
    """A learned factor for each channel of a sublayer's output (Touvron et al., 2021, section 2.1).

    It begins small, so that a deep stack begins as almost nothing.
    """

    type: Literal["layer_scale"]
    initial: PositiveFloat = 0.1
    """What the factors begin with."""

    def build(self, layers, name: str, dim: int):
        return channel_scale(layers, f"{name}.scale", dim, self.initial)

    def alpha(self, depths: Depths) -> float:
        """What the stream beside the sublayer is multiplied by."""
        return 1.0

    def beta(self, depths: Depths) -> float:
        """What the first weights of the sublayer are multiplied by."""
        return 1.0


class DeepNormConfig(Spec):
    """Weigh the stream more and begin sublayers smaller, by depth (Wang et al., 2022, figure 2)."""

    type: Literal["deep_norm"]

    def build(self, layers, name: str, dim: int):
        return identity

    def alpha(self, depths: Depths) -> float:
        if not depths.other:
            return (2 * depths.own) ** 0.25
        if depths.reads:
            return (3 * depths.own) ** 0.25
        return 0.81 * (depths.own**4 * depths.other) ** 0.0625

    def beta(self, depths: Depths) -> float:
        if not depths.other:
            return (8 * depths.own) ** -0.25
        if depths.reads:
            return (12 * depths.own) ** -0.25
        return 0.87 * (depths.own**4 * depths.other) ** -0.0625


AnyResidualScaling = Annotated[LayerScaleConfig | DeepNormConfig, Field(discriminator="type")]


class ResidualConfig(Spec):
    """What a layer says of the surroundings of each of its sublayers."""

    norm: AnyNorm
    """Normalisation around every sublayer."""
    norm_placement: Placement = "post"
    """After each residual sum; before each sublayer (Xiong et al., 2020); or both before and after
    each sublayer, within the residual sum (Ding et al., 2021, section 2.4)."""
    residual_scaling: AnyResidualScaling | None = None
    """How a sublayer's output weighs beside the stream that it is added to."""
    dropout: Probability = 0.0
    """Share of each sublayer's output dropped in training, before the residual sum."""
    stochastic_depth: Probability = 0.0
    """Share of the examples for which a sublayer is left out in training (Huang et al., 2016). A
    share that grows with depth, as proposed there, is written with overrides."""


class Residual:
    """One sublayer with its surroundings; `norm_first`: whether it may begin with a norm."""

    def __init__(
        self,
        spec: ResidualConfig,
        layers,
        name: str,
        dim: int,
        depths: Depths,
        norm_first: bool = True,
    ):
        def norm(called):
            return spec.norm.build(layers, f"{name}.{called}", dim)

        post, sandwich = spec.norm_placement == "post", spec.norm_placement == "sandwich"
        self.before = norm("norm") if not post and norm_first else identity
        self.within = norm("output_norm") if sandwich else identity
        self.after = norm("norm") if post else identity
        self.dropout = dropout(layers, f"{name}.residual_dropout", spec.dropout)
        self.skip = example_dropout(layers, f"{name}.stochastic_depth", spec.stochastic_depth)
        scaling = spec.residual_scaling
        self.scale = scaling.build(layers, name, dim) if scaling else identity
        self.alpha = scaling.alpha(depths) if scaling else 1.0

    def __call__(self, hidden, sublayer):
        inner = self.within(sublayer(self.before(hidden)))
        if self.alpha != 1:
            hidden = hidden * self.alpha
        return self.after(hidden + self.skip(self.scale(self.dropout(inner))))
