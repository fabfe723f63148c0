"""The position-wise feed-forward layer: the same small network at every token."""

from typing import Literal

from pydantic import PositiveInt

from archbuilder.language import Spec
from archbuilder.network.activation import Activation, activate
from archbuilder.network.layer import dense


class Mlp(Spec):
    """Widen, bend, narrow (Vaswani et al., 2017, section 3.3, equation 2)."""

    type: Literal["mlp"]
    intermediate_dim: PositiveInt
    """Width between the two projections."""
    activation: Activation
    """The non-linearity between the two projections."""

    def build(self, layers, name: str, dim: int, initializer):
        widen = dense(layers, f"{name}.intermediate", dim, self.intermediate_dim, initializer)
        narrow = dense(layers, f"{name}.output", self.intermediate_dim, dim, initializer)
        return lambda x: narrow(activate(widen(x), self.activation))  # [B, T, D] -> [B, T, D]


FeedForward = Mlp
