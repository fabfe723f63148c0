"""Optimizers: the field `training.optimizer`."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from typing_extensions import override

from archbuilder.language import Spec

if TYPE_CHECKING:
    import keras

Beta = Annotated[float, Field(ge=0, lt=1)]


class BaseOptimizer(Spec, ABC):
    """The interface of optimizers."""

    @abstractmethod
    def build(self) -> "keras.optimizers.Optimizer":
        """Return the Keras optimizer, without variables yet."""


class SGD(BaseOptimizer):
    """Stochastic gradient descent with momentum (Sutskever et al., 2013, equations 1, 2)."""

    type: Literal["sgd"]
    momentum: Beta = 0.0
    """Fraction of the previous update that is added to the update; 0 disables momentum."""
    weight_decay: NonNegativeFloat = 0.0
    """Decoupled weight decay of matrices: weight -= learning_rate * weight_decay * weight."""

    @override
    def build(self) -> "keras.optimizers.Optimizer":
        import keras

        return keras.optimizers.SGD(momentum=self.momentum)


class Adam(BaseOptimizer):
    """Adam (Kingma and Ba, 2015, algorithm 1)."""

    type: Literal["adam"]
    beta_1: Beta = 0.9
    """Decay rate of the running mean of gradients."""
    beta_2: Beta = 0.999
    """Decay rate of the running mean of squared gradients."""
    epsilon: PositiveFloat = 1e-8
    """Constant added to the square root of the second moment, against division by zero."""

    @override
    def build(self) -> "keras.optimizers.Optimizer":
        from archbuilder.training import updates

        return updates.Adam(**_moments(self))


class AdamW(BaseOptimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019, algorithm 2).

    Norms and biases have no weight decay, as in BERT's reference implementation.
    """

    type: Literal["adamw"]
    weight_decay: PositiveFloat
    """Decoupled weight decay of matrices: weight -= learning_rate * weight_decay * weight."""
    beta_1: Beta = 0.9
    """Decay rate of the running mean of gradients."""
    beta_2: Beta = 0.999
    """Decay rate of the running mean of squared gradients."""
    epsilon: PositiveFloat = 1e-6
    """Constant added to the square root of the second moment, against division by zero."""

    @override
    def build(self) -> "keras.optimizers.Optimizer":
        from archbuilder.training import updates

        return updates.Adam(**_moments(self))


class Adafactor(BaseOptimizer):
    """Adafactor: factored second moments, and updates relative to the size of the weights.

    Shazeer and Stern, 2018, algorithms 4 and 5. The learning rate is the paper's relative step
    size, of which its section 9 recommends min(0.01, 1 / sqrt(step)).
    """

    type: Literal["adafactor"]
    decay_exponent: PositiveFloat = 0.8
    """Exponent of the decay rate of the second moment, 1 - step ** -decay_exponent."""
    clip_threshold: PositiveFloat = 1.0
    """Maximum root mean square of an update; larger updates are scaled down."""
    epsilon_1: PositiveFloat = 1e-30
    """Constant added to squared gradients, against division by zero."""
    epsilon_2: PositiveFloat = 1e-3
    """Minimum root mean square of the weights, by which updates are multiplied."""
    weight_decay: NonNegativeFloat = 0.0
    """Decoupled weight decay of matrices: weight -= learning_rate * weight_decay * weight."""

    @override
    def build(self) -> "keras.optimizers.Optimizer":
        from archbuilder.training import updates

        return updates.Adafactor(
            self.decay_exponent, self.epsilon_1, self.epsilon_2, self.clip_threshold
        )


class LAMB(BaseOptimizer):
    """LAMB: Adam with an update as long as the weights (You et al., 2020, algorithm 2).

    For large batches. The updates of norms and biases have no weight decay and are not scaled, as
    in the reference implementation.
    """

    type: Literal["lamb"]
    beta_1: Beta = 0.9
    """Decay rate of the running mean of gradients."""
    beta_2: Beta = 0.999
    """Decay rate of the running mean of squared gradients."""
    epsilon: PositiveFloat = 1e-6
    """Constant added to the square root of the second moment, against division by zero."""
    weight_decay: NonNegativeFloat = 0.01
    """Weight decay of matrices, which is added to the update before it is scaled."""

    @override
    def build(self) -> "keras.optimizers.Optimizer":
        from archbuilder.training import updates

        return updates.LAMB(**_moments(self))


class Lion(BaseOptimizer):
    """Lion: updates by the sign of the momentum (Chen et al., 2023, algorithm 2)."""

    type: Literal["lion"]
    beta_1: Annotated[float, Field(gt=0, lt=1)] = 0.9
    """Weight of the momentum against the gradient in an update."""
    beta_2: Beta = 0.99
    """Decay rate of the momentum."""
    weight_decay: NonNegativeFloat = 0.0
    """Decoupled weight decay of matrices: weight -= learning_rate * weight_decay * weight."""

    @override
    def build(self) -> "keras.optimizers.Optimizer":
        import keras

        return keras.optimizers.Lion(beta_1=self.beta_1, beta_2=self.beta_2)


class Muon(BaseOptimizer):
    """Muon: momentum orthogonalized by Newton-Schulz iterations, for the matrices of the stacks.

    Jordan et al., 2024. Updates are scaled so that learning rates of AdamW apply (Liu et al.,
    2025, section 2.2). Adam updates embedding tables, heads, norms and biases.
    """

    type: Literal["muon"]
    momentum: Beta = 0.95
    """Decay rate of the momentum."""
    iterations: PositiveInt = 5
    """Number of Newton-Schulz iterations."""
    weight_decay: NonNegativeFloat = 0.0
    """Decoupled weight decay of matrices: weight -= learning_rate * weight_decay * weight."""
    beta_1: Beta = 0.9
    """Decay rate of the running mean of gradients, for Adam."""
    beta_2: Beta = 0.999
    """Decay rate of the running mean of squared gradients, for Adam."""
    epsilon: PositiveFloat = 1e-7
    """Constant added to the square root of the second moment, for Adam."""

    @override
    def build(self) -> "keras.optimizers.Optimizer":
        import keras

        return keras.optimizers.Muon(
            momentum=self.momentum,
            ns_steps=self.iterations,
            adam_beta_1=self.beta_1,
            adam_beta_2=self.beta_2,
            epsilon=self.epsilon,
            weight_decay=None,
            adam_weight_decay=None,
            exclude_embeddings=False,  # Layers are selected by role, not by name.
        )


class ScheduleFreeAdamW(BaseOptimizer):
    """AdamW that averages weights in place of a schedule (Defazio et al., 2024, algorithm 1).

    The average is evaluated and saved.
    """

    type: Literal["schedule_free_adamw"]
    weight_decay: NonNegativeFloat = 0.0
    """Decoupled weight decay of matrices: weight -= learning_rate * weight_decay * weight."""
    beta_1: Annotated[float, Field(gt=0, lt=1)] = 0.9
    """Weight of the average in the point at which gradients are computed."""
    beta_2: Beta = 0.999
    """Decay rate of the running mean of squared gradients."""
    epsilon: PositiveFloat = 1e-8
    """Constant added to the square root of the second moment, against division by zero."""

    @override
    def build(self) -> "keras.optimizers.Optimizer":
        from archbuilder.training import updates

        return updates.ScheduleFreeAdamW(**_moments(self))


def _moments(spec: Adam | AdamW | LAMB | ScheduleFreeAdamW) -> dict[str, Any]:
    return {"beta_1": spec.beta_1, "beta_2": spec.beta_2, "epsilon": spec.epsilon}


Optimizer = Annotated[
    SGD | Adam | AdamW | Adafactor | LAMB | Lion | Muon | ScheduleFreeAdamW,
    Field(discriminator="type"),
]
