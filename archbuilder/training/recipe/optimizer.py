"""Optimizers as data."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from archbuilder.language import Spec

if TYPE_CHECKING:
    import keras

Beta = Annotated[float, Field(ge=0, lt=1)]


class SGD(Spec):
    """Steps along the gradient, or along its momentum (Sutskever et al., 2013, equations 1, 2)."""

    type: Literal["sgd"]
    momentum: Beta = 0.0
    """How much of the last step is taken again."""
    weight_decay: NonNegativeFloat = 0.0
    """Share of a matrix taken off at each step, times the learning rate."""

    def build(self) -> "keras.optimizers.Optimizer":
        """The Keras optimizer, not yet bound to any weights."""
        import keras

        return keras.optimizers.SGD(momentum=self.momentum)


class Adam(Spec):
    """Steps scaled by the gradient's moments (Kingma and Ba, 2015, algorithm 1)."""

    type: Literal["adam"]
    beta_1: Beta = 0.9
    """How much of the gradients' mean is kept at a step."""
    beta_2: Beta = 0.999
    """How much of the squared gradients' mean is kept at a step."""
    epsilon: PositiveFloat = 1e-8
    """Added to the root of the second moment."""

    def build(self) -> "keras.optimizers.Optimizer":
        """The Keras optimizer, not yet bound to any weights."""
        from archbuilder.training import updates

        return updates.Adam(**_moments(self))


class AdamW(Spec):
    """Adam with weight decay beside the gradient (Loshchilov and Hutter, 2019, algorithm 2).

    Norms and biases do not decay, as in BERT's reference implementation.
    """

    type: Literal["adamw"]
    weight_decay: PositiveFloat
    """Share of a matrix taken off at each step, times the learning rate."""
    beta_1: Beta = 0.9
    """How much of the gradients' mean is kept at a step."""
    beta_2: Beta = 0.999
    """How much of the squared gradients' mean is kept at a step."""
    epsilon: PositiveFloat = 1e-6
    """Added to the root of the second moment."""

    def build(self) -> "keras.optimizers.Optimizer":
        """The Keras optimizer, not yet bound to any weights."""
        from archbuilder.training import updates

        return updates.Adam(**_moments(self))


class Adafactor(Spec):
    """Second moments kept by row and column, steps relative to the weights they move.

    Shazeer and Stern, 2018, algorithms 4 and 5. The learning rate is the paper's relative step
    size, of which its section 9 recommends min(0.01, 1 / sqrt(step)).
    """

    type: Literal["adafactor"]
    decay_exponent: PositiveFloat = 0.8
    """The second moment keeps 1 - step ** -decay_exponent of itself."""
    clip_threshold: PositiveFloat = 1.0
    """An update's root mean square is scaled down to this."""
    epsilon_1: PositiveFloat = 1e-30
    """Added to squared gradients."""
    epsilon_2: PositiveFloat = 1e-3
    """The least root mean square that weights count with in their step."""
    weight_decay: NonNegativeFloat = 0.0
    """Share of a matrix taken off at each step, times the learning rate."""

    def build(self) -> "keras.optimizers.Optimizer":
        """The Keras optimizer, not yet bound to any weights."""
        from archbuilder.training import updates

        return updates.Adafactor(
            self.decay_exponent, self.epsilon_1, self.epsilon_2, self.clip_threshold
        )


class LAMB(Spec):
    """Adam's direction, as long as the weights of its layer (You et al., 2020, algorithm 2).

    For large batches. Norms and biases neither decay nor are scaled by their length, as in the
    reference implementation.
    """

    type: Literal["lamb"]
    beta_1: Beta = 0.9
    """How much of the gradients' mean is kept at a step."""
    beta_2: Beta = 0.999
    """How much of the squared gradients' mean is kept at a step."""
    epsilon: PositiveFloat = 1e-6
    """Added to the root of the second moment."""
    weight_decay: NonNegativeFloat = 0.01
    """Share of a matrix added to its direction before that is scaled."""

    def build(self) -> "keras.optimizers.Optimizer":
        """The Keras optimizer, not yet bound to any weights."""
        from archbuilder.training import updates

        return updates.LAMB(**_moments(self))


class Lion(Spec):
    """Steps of one length, along the sign of momentum (Chen et al., 2023, algorithm 2)."""

    type: Literal["lion"]
    beta_1: Annotated[float, Field(gt=0, lt=1)] = 0.9
    """How much momentum counts beside the gradient in a step."""
    beta_2: Beta = 0.99
    """How much momentum is kept at a step."""
    weight_decay: NonNegativeFloat = 0.0
    """Share of a matrix taken off at each step, times the learning rate."""

    def build(self) -> "keras.optimizers.Optimizer":
        """The Keras optimizer, not yet bound to any weights."""
        import keras

        return keras.optimizers.Lion(beta_1=self.beta_1, beta_2=self.beta_2)


class Muon(Spec):
    """Momentum made orthogonal by Newton's and Schulz's iteration, for the stacks' matrices.

    Jordan et al., 2024; steps are scaled so that AdamW's rates serve (Liu et al., 2025, section
    2.2). Tables, heads, norms and biases are moved by Adam.
    """

    type: Literal["muon"]
    momentum: Beta = 0.95
    """How much momentum is kept at a step."""
    iterations: PositiveInt = 5
    """Of Newton and Schulz."""
    weight_decay: NonNegativeFloat = 0.0
    """Share of a matrix taken off at each step, times the learning rate."""
    beta_1: Beta = 0.9
    """Adam's: how much of the gradients' mean is kept at a step."""
    beta_2: Beta = 0.999
    """Adam's: how much of the squared gradients' mean is kept at a step."""
    epsilon: PositiveFloat = 1e-7
    """Adam's: added to the root of the second moment."""

    def build(self) -> "keras.optimizers.Optimizer":
        """The Keras optimizer, not yet bound to any weights."""
        import keras

        return keras.optimizers.Muon(
            momentum=self.momentum,
            ns_steps=self.iterations,
            adam_beta_1=self.beta_1,
            adam_beta_2=self.beta_2,
            epsilon=self.epsilon,
            weight_decay=None,
            adam_weight_decay=None,
            exclude_embeddings=False,  # Layers are chosen by their roles, not by their names.
        )


class ScheduleFreeAdamW(Spec):
    """AdamW whose average takes the place of a falling rate (Defazio et al., 2024, algorithm 1).

    The average is what is measured and saved.
    """

    type: Literal["schedule_free_adamw"]
    weight_decay: NonNegativeFloat = 0.0
    """Share of a matrix taken off at each step, times the learning rate."""
    beta_1: Annotated[float, Field(gt=0, lt=1)] = 0.9
    """How much the average counts where gradients are taken."""
    beta_2: Beta = 0.999
    """How much of the squared gradients' mean is kept at a step."""
    epsilon: PositiveFloat = 1e-8
    """Added to the root of the second moment."""

    def build(self) -> "keras.optimizers.Optimizer":
        """The Keras optimizer, not yet bound to any weights."""
        from archbuilder.training import updates

        return updates.ScheduleFreeAdamW(**_moments(self))


def _moments(spec: Adam | AdamW | LAMB | ScheduleFreeAdamW) -> dict[str, Any]:
    return {"beta_1": spec.beta_1, "beta_2": spec.beta_2, "epsilon": spec.epsilon}


Optimizer = Annotated[
    SGD | Adam | AdamW | Adafactor | LAMB | Lion | Muon | ScheduleFreeAdamW,
    Field(discriminator="type"),
]
