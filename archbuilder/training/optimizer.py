"""Optimizers as data."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat

from archbuilder.language import Spec

Beta = Annotated[float, Field(ge=0, lt=1)]


class Adam(Spec):
    """Steps scaled by the gradient's moments (Kingma and Ba, 2015, algorithm 1)."""

    type: Literal["adam"]
    beta_1: Beta = 0.9
    """How much of the gradients' mean is kept at a step."""
    beta_2: Beta = 0.999
    """How much of the squared gradients' mean is kept at a step."""
    epsilon: PositiveFloat = 1e-8
    """Added to the root of the second moment."""

    def build(self, model, global_clipnorm: float | None):
        """The Keras optimizer of `model`'s trainable weights."""
        return _moments(self, model, global_clipnorm, weight_decay=None)


class AdamW(Spec):
    """Adam with weight decay beside the gradient (Loshchilov and Hutter, 2019, algorithm 2).

    Norms and biases do not decay, as in BERT's reference implementation.
    """

    type: Literal["adamw"]
    weight_decay: PositiveFloat
    """Share of a weight taken off at each step, times the learning rate."""
    beta_1: Beta = 0.9
    """How much of the gradients' mean is kept at a step."""
    beta_2: Beta = 0.999
    """How much of the squared gradients' mean is kept at a step."""
    epsilon: PositiveFloat = 1e-6
    """Added to the root of the second moment."""

    def build(self, model, global_clipnorm: float | None):
        """The Keras optimizer of `model`'s trainable weights."""
        return _moments(self, model, global_clipnorm, weight_decay=self.weight_decay)


def _moments(spec, model, global_clipnorm, weight_decay):
    from archbuilder.training.moments import Moments

    return Moments(
        model,
        clip=global_clipnorm,
        weight_decay=weight_decay,
        beta_1=spec.beta_1,
        beta_2=spec.beta_2,
        epsilon=spec.epsilon,
    )


Optimizer = Annotated[Adam | AdamW, Field(discriminator="type")]
