"""The position-wise feed-forward network, plain or gated."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Literal

from pydantic import PositiveInt
from typing_extensions import override

from archbuilder.network.activation import Activation, activate
from archbuilder.network.feed_forward.feed_forward import FeedForward, FeedForwardConfig
from archbuilder.network.layer import Probability, dense, dropout
from archbuilder.network.layer_context import LayerContext
from archbuilder.network.layer_namespace import LayerNamespace


class MlpConfig(FeedForwardConfig):
    """Two projections with an activation between them (Vaswani et al., 2017, section 3.3)."""

    type: Literal["mlp"]
    intermediate_dim: PositiveInt
    """Number of channels between the two projections (d_ff in Vaswani et al., 2017)."""
    activation: Activation
    """Activation function between the two projections."""
    use_bias: bool = True
    """Whether the projections have biases."""
    dropout: Probability = 0.0
    """Dropout rate between the two projections, at least 0 and below 1."""

    @override
    def build(self, layers: LayerNamespace, name: str, context: LayerContext) -> "Mlp":
        return Mlp(self, layers, name, context)

    @override
    def sizes(self) -> Iterator[tuple[str, int]]:
        yield "intermediate_dim", self.intermediate_dim

    @override
    def scaled(self, fraction: Fraction) -> "MlpConfig":
        return self.model_copy(update={"intermediate_dim": int(self.intermediate_dim * fraction)})


class Mlp(FeedForward):
    """activation(x W_intermediate) W_output."""

    def __init__(
        self, config: MlpConfig, layers: LayerNamespace, name: str, context: LayerContext
    ) -> None:
        self.activation: Activation = config.activation
        self.intermediate, self.output = _projections(config, layers, name, context)
        self.dropout = dropout(layers, f"{name}.dropout", config.dropout)

    @override
    def __call__(self, x: Any, routing: list) -> Any:
        return self.output(self.dropout(activate(self.intermediate(x), self.activation)))


class GatedConfig(FeedForwardConfig):
    """Gated linear unit: (activation(x W_gate) * (x W_intermediate)) W_output.

    Dauphin et al., 2017; Shazeer, 2020. It is called GLU with sigmoid, ReGLU with relu, GEGLU with
    gelu, and SwiGLU with silu.
    """

    type: Literal["gated"]
    intermediate_dim: PositiveInt
    """Number of channels between the projections."""
    activation: Activation
    """Activation function of the gate, such as silu for SwiGLU."""
    use_bias: bool = True
    """Whether the projections have biases."""
    dropout: Probability = 0.0
    """Dropout rate before the output projection, at least 0 and below 1."""

    @override
    def build(self, layers: LayerNamespace, name: str, context: LayerContext) -> "Gated":
        return Gated(self, layers, name, context)

    @override
    def sizes(self) -> Iterator[tuple[str, int]]:
        yield "intermediate_dim", self.intermediate_dim

    @override
    def scaled(self, fraction: Fraction) -> "GatedConfig":
        return self.model_copy(update={"intermediate_dim": int(self.intermediate_dim * fraction)})


class Gated(FeedForward):
    """(activation(x W_gate) * (x W_intermediate)) W_output."""

    def __init__(
        self, config: GatedConfig, layers: LayerNamespace, name: str, context: LayerContext
    ) -> None:
        self.activation: Activation = config.activation
        self.intermediate, self.output = _projections(config, layers, name, context)
        self.gate = dense(
            layers,
            f"{name}.gate",
            context.width,
            config.intermediate_dim,
            context.initializer,
            context.gains.inner,
            config.use_bias,
            context.role("column"),
        )
        self.dropout = dropout(layers, f"{name}.dropout", config.dropout)

    @override
    def __call__(self, x: Any, routing: list) -> Any:
        gate = activate(self.gate(x), self.activation)
        return self.output(self.dropout(gate * self.intermediate(x)))


def _projections(
    config: MlpConfig | GatedConfig, layers: LayerNamespace, name: str, context: LayerContext
) -> tuple[Any, Any]:
    """Return the projections to the intermediate width and back."""
    width, intermediate_dim, use_bias = context.width, config.intermediate_dim, config.use_bias
    initializer, gains = context.initializer, context.gains
    column, row = context.role("column"), context.role("row")
    intermediate = dense(
        layers,
        f"{name}.intermediate",
        width,
        intermediate_dim,
        initializer,
        gains.inner,
        use_bias,
        column,
    )
    output = dense(
        layers,
        f"{name}.output",
        intermediate_dim,
        width,
        initializer,
        gains.output,
        use_bias,
        row,
    )
    return intermediate, output
