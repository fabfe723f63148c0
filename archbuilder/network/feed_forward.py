"""The position-wise feed-forward layer: the same small network at every token."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt
from typing_extensions import override

from archbuilder.language import Problem, Spec
from archbuilder.network.activation import Activation, activate
from archbuilder.network.layer import Probability, dense, dropout
from archbuilder.network.layer_context import LayerContext
from archbuilder.network.layer_namespace import LayerNamespace


class FeedForward(ABC):
    """A built feed-forward layer."""

    @abstractmethod
    def __call__(self, x: Any, routing: list) -> Any:
        """Return [B, T, D] for x [B, T, D]; a router appends its choices to `routing`."""


LOAD_BALANCING = "load_balancing"
"""The output of the backbone that is to be added to the loss."""


class FeedForwardConfig(Spec):
    """The interface of feed-forward layers."""

    @abstractmethod
    def build(self, layers: LayerNamespace, name: str, context: LayerContext) -> FeedForward:
        """Return the layer."""

    @abstractmethod
    def sizes(self) -> Iterator[tuple[str, int]]:
        """Yield the name and value of each size that `scaled` multiplies."""

    @abstractmethod
    def scaled(self, fraction: Fraction) -> "FeedForwardConfig":
        """Return a copy whose sizes are multiplied by `fraction`, for a narrower network."""

    @property
    def has_load_balancing_loss(self) -> bool:
        """Whether it adds to the loss in training."""
        return False

    def problems(self) -> Iterator[Problem]:
        """Yield what does not fit together."""
        yield from ()


class MlpConfig(FeedForwardConfig):
    """Widen, activate, narrow (Vaswani et al., 2017, section 3.3, equation 2)."""

    type: Literal["mlp"]
    intermediate_dim: PositiveInt
    """Width between the two projections."""
    activation: Activation
    """The non-linearity between the two projections."""
    use_bias: bool = True
    """Whether the projections have biases."""
    dropout: Probability = 0.0
    """Fraction of the activations between the two projections that is dropped in training."""

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
    """Gated linear unit: activation(x W_gate) * (x W_intermediate), then the output projection.

    Dauphin et al., 2017; Shazeer, 2020. Called GLU with a sigmoid, ReGLU with relu, GEGLU with
    gelu, SwiGLU with silu.
    """

    type: Literal["gated"]
    intermediate_dim: PositiveInt
    """Width between the projections."""
    activation: Activation
    """The non-linearity of the gate."""
    use_bias: bool = True
    """Whether the projections have biases."""
    dropout: Probability = 0.0
    """Fraction of the activations between the projections that is dropped in training."""

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
    """Return the projections up to the intermediate width and down again."""
    narrow, wide, use_bias = context.width, config.intermediate_dim, config.use_bias
    initializer, gains = context.initializer, context.gains
    column, row = context.role("column"), context.role("row")
    up, down = f"{name}.intermediate", f"{name}.output"
    return (
        dense(layers, up, narrow, wide, initializer, gains.inner, use_bias, column),
        dense(layers, down, wide, narrow, initializer, gains.output, use_bias, row),
    )


AnyExpert = Annotated[MlpConfig | GatedConfig, Field(discriminator="type")]


class MixtureOfExpertsConfig(FeedForwardConfig):
    """Several networks, of which a router chooses some for each token (Shazeer et al., 2017).

    Chosen experts are weighed by the softmax over the chosen alone (Jiang et al., 2024, section
    2.1); a single one by its probability among all (Fedus et al., 2022, equation 2). No token is
    dropped: every expert is computed for every token, and those not chosen count for nothing.
    """

    type: Literal["mixture_of_experts"]
    num_experts: Annotated[int, Field(ge=2)]
    """Networks to choose from."""
    num_experts_per_token: PositiveInt
    """Networks that are chosen for a token."""
    expert: AnyExpert
    """The network of each expert."""
    shared_expert: AnyExpert | None = None
    """A network that every token goes through besides (Dai et al., 2024, section 3.2)."""
    load_balancing_loss_weight: NonNegativeFloat = 0.01
    """Factor on the loss that spreads tokens evenly over the experts (Fedus et al., 2022, equation
    4, for each row by itself)."""

    @override
    def build(self, layers: LayerNamespace, name: str, context: LayerContext) -> "MixtureOfExperts":
        return MixtureOfExperts(self, layers, name, context)

    @override
    def sizes(self) -> Iterator[tuple[str, int]]:
        yield from self.expert.sizes()
        if self.shared_expert is not None:
            yield from self.shared_expert.sizes()

    @override
    def scaled(self, fraction: Fraction) -> "MixtureOfExpertsConfig":
        shared = self.shared_expert and self.shared_expert.scaled(fraction)
        update = {"expert": self.expert.scaled(fraction), "shared_expert": shared}
        return self.model_copy(update=update)

    @property
    @override
    def has_load_balancing_loss(self) -> bool:
        return self.load_balancing_loss_weight > 0

    @override
    def problems(self) -> Iterator[Problem]:
        if self.num_experts_per_token >= self.num_experts:
            yield Problem(
                ("num_experts_per_token",),
                f"there is nothing to choose: it must be less than the {self.num_experts} experts",
            )


class MixtureOfExperts(FeedForward):
    """A router over E experts."""

    def __init__(
        self,
        config: MixtureOfExpertsConfig,
        layers: LayerNamespace,
        name: str,
        context: LayerContext,
    ) -> None:
        self.config, count = config, config.num_experts
        self.router = dense(
            layers,
            f"{name}.router",
            context.width,
            count,
            context.initializer,
            use_bias=False,
            role=context.role(),
        )
        self.experts = [
            config.expert.build(layers, f"{name}.experts.{number}", context)
            for number in range(count)
        ]
        self.shared_expert = None
        if config.shared_expert is not None:
            self.shared_expert = config.shared_expert.build(
                layers, f"{name}.shared_expert", context
            )

    @override
    def __call__(self, x: Any, routing: list) -> Any:
        from keras import ops

        config = self.config
        probabilities = ops.softmax(self.router(x))  # [B, T, E]
        _, best = ops.top_k(probabilities, config.num_experts_per_token)
        one_hot = ops.one_hot(best, config.num_experts, dtype=probabilities.dtype)
        chosen = ops.sum(one_hot, axis=2)
        if config.load_balancing_loss_weight:
            routing.append((config, probabilities, chosen))
        gates = probabilities * chosen
        if config.num_experts_per_token > 1:
            gates = gates / ops.sum(gates, axis=-1, keepdims=True)
        outputs = [
            gates[..., number : number + 1] * expert(x, routing)
            for number, expert in enumerate(self.experts)
        ]
        if self.shared_expert is not None:
            outputs.append(self.shared_expert(x, routing))
        return sum(outputs[1:], outputs[0])


def load_balancing_loss(routing: list, padding_mask: Any) -> Any:
    """Return how unevenly tokens go to experts, weighted and summed over layers: float32 [B].

    It is the sum of the weights where no expert is preferred, and larger otherwise.

    Args:
        routing: The choices that the routers appended, for tokens [B, T].
        padding_mask: 1 at the tokens that count and 0 at padding, [B, T].
    """
    from keras import ops

    real = ops.cast(padding_mask, "float32")[..., None]  # [B, T, 1]
    count = ops.maximum(ops.sum(real, axis=1), 1)  # [B, 1]

    def mean(x: Any) -> Any:
        return ops.sum(ops.cast(x, "float32") * real, axis=1) / count  # [B, E]

    losses = [
        ops.sum(mean(probabilities) * mean(chosen), axis=-1)
        * (config.load_balancing_loss_weight * config.num_experts / config.num_experts_per_token)
        for config, probabilities, chosen in routing
    ]
    return sum(losses[1:], losses[0])


AnyFeedForward = Annotated[
    MlpConfig | GatedConfig | MixtureOfExpertsConfig, Field(discriminator="type")
]
