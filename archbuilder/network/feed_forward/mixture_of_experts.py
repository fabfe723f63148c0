"""Mixture of experts, and its load-balancing loss."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt
from typing_extensions import override

from archbuilder.language import Problem
from archbuilder.network.feed_forward.feed_forward import FeedForward, FeedForwardConfig
from archbuilder.network.feed_forward.mlp import GatedConfig, MlpConfig
from archbuilder.network.layer import dense
from archbuilder.network.layer_context import LayerContext
from archbuilder.network.layer_namespace import LayerNamespace

LOAD_BALANCING = "load_balancing"
"""Name of the backbone's output that is added to the loss."""

AnyExpert = Annotated[MlpConfig | GatedConfig, Field(discriminator="type")]


class MixtureOfExpertsConfig(FeedForwardConfig):
    """Mixture of experts: a router selects some feed-forward networks for each token.

    Shazeer et al., 2017. The outputs of several selected experts are weighted by the softmax over
    the selected experts (Jiang et al., 2024, section 2.1); the output of a single one by its
    probability among all experts (Fedus et al., 2022, equation 2). No token is dropped. All experts
    are computed for all tokens, and those that are not selected have weight 0.
    """

    type: Literal["mixture_of_experts"]
    num_experts: Annotated[int, Field(ge=2)]
    """Number of experts."""
    num_experts_per_token: PositiveInt
    """Number of experts that the router selects for each token. It must be less than
    num_experts."""
    expert: AnyExpert
    """Settings of each expert, an mlp or gated network."""
    shared_expert: AnyExpert | None = None
    """Settings of an expert that is applied to all tokens (Dai et al., 2024, section 3.2). Default:
    no shared expert."""
    load_balancing_loss_weight: NonNegativeFloat = 0.01
    """Weight of the load-balancing loss, which spreads tokens evenly over the experts (Fedus et
    al., 2022, equation 4, computed for each row). 0 disables it."""

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
                f"must be less than num_experts ({self.num_experts})",
            )


class MixtureOfExperts(FeedForward):
    """A router and E experts."""

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
        _, selected = ops.top_k(probabilities, config.num_experts_per_token)
        one_hot = ops.one_hot(selected, config.num_experts, dtype=probabilities.dtype)
        is_selected = ops.sum(one_hot, axis=2)  # [B, T, E]
        if config.load_balancing_loss_weight:
            routing.append((config, probabilities, is_selected))
        gates = probabilities * is_selected
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
    """Return the load-balancing loss of each row, weighted and summed over layers: float32 [B].

    It is the sum of the weights if all experts are used equally, and larger otherwise.

    Args:
        routing: Decisions that the routers appended, for tokens [B, T].
        padding_mask: 1 at real tokens and 0 at padding, [B, T].
    """
    from keras import ops

    real = ops.cast(padding_mask, "float32")[..., None]  # [B, T, 1]
    count = ops.maximum(ops.sum(real, axis=1), 1)  # [B, 1]

    def mean(x: Any) -> Any:
        return ops.sum(ops.cast(x, "float32") * real, axis=1) / count  # [B, E]

    losses = [
        ops.sum(mean(probabilities) * mean(is_selected), axis=-1)
        * (config.load_balancing_loss_weight * config.num_experts / config.num_experts_per_token)
        for config, probabilities, is_selected in routing
    ]
    return sum(losses[1:], losses[0])
