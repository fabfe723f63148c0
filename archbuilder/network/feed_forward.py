"""The position-wise feed-forward layer: the same small network at every token."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

from archbuilder.language import Problem, Spec
from archbuilder.network.activation import Activation, activate
from archbuilder.network.initializer import Gains
from archbuilder.network.layer import Probability, dense, dropout


class FeedForwardConfig(Spec):
    """The interface of feed-forward layers."""

    @abstractmethod
    def build(self, layers, name: str, dim: int, initializer, gains: Gains):
        """The part: [B, T, D] -> [B, T, D], called with a list for what a router chooses, too."""

    def problems(self) -> Iterator[Problem]:
        """What does not fit together."""
        yield from ()


class MlpConfig(FeedForwardConfig):
    """Widen, bend, narrow (Vaswani et al., 2017, section 3.3, equation 2)."""

    type: Literal["mlp"]
    intermediate_dim: PositiveInt
    """Width between the two projections."""
    activation: Activation
    """The non-linearity between the two projections."""
    use_bias: bool = True
    """Whether the projections have biases."""
    dropout: Probability = 0.0
    """Share of what is between the two projections that is dropped in training."""

    def build(self, layers, name: str, dim: int, initializer, gains: Gains):
        widen, narrow = _outer(self, layers, name, dim, initializer, gains)
        drop = dropout(layers, f"{name}.dropout", self.dropout)
        return lambda x, routing: narrow(drop(activate(widen(x), self.activation)))


class GatedConfig(FeedForwardConfig):
    """Widen twice, and let one bend and open the other (Dauphin et al., 2017; Shazeer, 2020).

    Called GLU with a sigmoid, ReGLU with relu, GEGLU with gelu, SwiGLU with silu.
    """

    type: Literal["gated"]
    intermediate_dim: PositiveInt
    """Width between the projections."""
    activation: Activation
    """The non-linearity of the gate."""
    use_bias: bool = True
    """Whether the projections have biases."""
    dropout: Probability = 0.0
    """Share of what is between the projections that is dropped in training."""

    def build(self, layers, name: str, dim: int, initializer, gains: Gains):
        widen, narrow = _outer(self, layers, name, dim, initializer, gains)
        options = {"gain": gains.inner, "use_bias": self.use_bias}
        gate = dense(layers, f"{name}.gate", dim, self.intermediate_dim, initializer, **options)
        drop = dropout(layers, f"{name}.dropout", self.dropout)
        return lambda x, routing: narrow(drop(activate(gate(x), self.activation) * widen(x)))


def _outer(spec: MlpConfig | GatedConfig, layers, name, dim, initializer, gains: Gains):
    """The projections up to the intermediate width and down again."""
    wide, bias = spec.intermediate_dim, {"use_bias": spec.use_bias}
    widen = dense(layers, f"{name}.intermediate", dim, wide, initializer, gain=gains.inner, **bias)
    narrow = dense(layers, f"{name}.output", wide, dim, initializer, gain=gains.output, **bias)
    return widen, narrow


AnyExpert = Annotated[MlpConfig | GatedConfig, Field(discriminator="type")]


class MixtureOfExpertsConfig(FeedForwardConfig):
    """Several networks, of which a router chooses some for each token (Shazeer et al., 2017).

    Chosen experts are weighed by the softmax over the chosen alone (Jiang et al., 2024, section
    2.1); a single one by its share among all (Fedus et al., 2022, equation 2). No token is ever
    left out: every expert is computed for every token, and those not chosen count for nothing.
    """

    type: Literal["mixture_of_experts"]
    num_experts: Annotated[int, Field(ge=2)]
    """Networks to choose from."""
    num_experts_per_token: PositiveInt
    """Networks that are chosen for a token."""
    expert: AnyExpert
    """What each of them is."""
    shared_expert: AnyExpert | None = None
    """A network that every token goes through besides (Dai et al., 2024, section 3.2)."""
    load_balancing: NonNegativeFloat = 0.01
    """What the loss that spreads tokens evenly over the experts is multiplied by (Fedus et al.,
    2022, equation 4, for each row by itself)."""

    def build(self, layers, name: str, dim: int, initializer, gains: Gains):
        return MixtureOfExperts(self, layers, name, dim, initializer, gains)

    def problems(self) -> Iterator[Problem]:
        if self.num_experts_per_token >= self.num_experts:
            yield Problem(
                ("num_experts_per_token",),
                f"there is nothing to choose: it must be less than the {self.num_experts} experts",
            )


class MixtureOfExperts:
    """The layer of `MixtureOfExpertsConfig`; E experts."""

    def __init__(self, spec: MixtureOfExpertsConfig, layers, name, dim, initializer, gains: Gains):
        self.spec = spec
        self.router = dense(
            layers, f"{name}.router", dim, spec.num_experts, initializer, use_bias=False
        )

        def expert(part, called):
            return part.build(layers, f"{name}.{called}", dim, initializer, gains)

        self.experts = [
            expert(spec.expert, f"experts.{number}") for number in range(spec.num_experts)
        ]
        self.shared = expert(spec.shared_expert, "shared_expert") if spec.shared_expert else None

    def __call__(self, x, routing: list):
        """[B, T, D] -> [B, T, D]; the choices are appended to `routing`."""
        from keras import ops

        shares = ops.softmax(self.router(x))  # [B, T, E]
        _, best = ops.top_k(shares, self.spec.num_experts_per_token)
        chosen = ops.sum(ops.one_hot(best, self.spec.num_experts, dtype=shares.dtype), axis=2)
        if self.spec.load_balancing:
            routing.append((self.spec, shares, chosen))
        gates = shares * chosen
        if self.spec.num_experts_per_token > 1:
            gates = gates / ops.sum(gates, axis=-1, keepdims=True)
        parts = [
            gates[..., i : i + 1] * self.experts[i](x, routing) for i in range(len(self.experts))
        ]
        if self.shared is not None:
            parts.append(self.shared(x, routing))
        return sum(parts[1:], parts[0])


def load_balancing_loss(routing: list, padding_mask):
    """How unevenly tokens go to experts, times its weight, summed over layers: float32 [B].

    `routing` is what the layers chose for tokens [B, T], those that `padding_mask` calls real. With
    no preference it is the sum of the weights, and larger with any.
    """
    from keras import ops

    real = ops.cast(padding_mask, "float32")[..., None]  # [B, T, 1]
    count = ops.maximum(ops.sum(real, axis=1), 1)  # [B, 1]

    def mean(x):
        return ops.sum(ops.cast(x, "float32") * real, axis=1) / count  # [B, E]

    losses = [
        ops.sum(mean(shares) * mean(chosen), axis=-1)
        * (spec.load_balancing * spec.num_experts / spec.num_experts_per_token)
        for spec, shares, chosen in routing
    ]
    return sum(losses[1:], losses[0])


AnyFeedForward = Annotated[
    MlpConfig | GatedConfig | MixtureOfExpertsConfig, Field(discriminator="type")
]
