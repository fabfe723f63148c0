"""Poolers: layers that turn a sequence into one vector."""

from typing import Any, Literal

from archbuilder.language import Spec
from archbuilder.network.activation import activate
from archbuilder.network.initializer import Initializer
from archbuilder.network.layer import dense
from archbuilder.network.layer_namespace import LayerNamespace


class FirstTokenConfig(Spec):
    """The vector of the first token, projected, then tanh (Devlin et al., 2018, section 3)."""

    type: Literal["first_token"]

    def build(
        self, layers: LayerNamespace, name: str, dim: int, initializer: Initializer
    ) -> "FirstToken":
        """Return the pooler for vectors of width `dim`."""
        return FirstToken(layers, name, dim, initializer)


class FirstToken:
    """tanh(x_0 W)."""

    def __init__(
        self, layers: LayerNamespace, name: str, dim: int, initializer: Initializer
    ) -> None:
        self.projection = dense(layers, name, dim, dim, initializer)

    def __call__(self, sequence: Any) -> Any:
        """Return [B, D] for the encoder's output [B, T, D]."""
        return activate(self.projection(sequence[:, 0]), "tanh")


AnyPooler = FirstTokenConfig
