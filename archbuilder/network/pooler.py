"""Poolers: one vector for a whole sequence."""

from typing import Any, Literal

from archbuilder.language import Spec
from archbuilder.network.activation import activate
from archbuilder.network.initializer import Initializer
from archbuilder.network.layer import dense
from archbuilder.network.layer_namespace import LayerNamespace


class FirstTokenConfig(Spec):
    """The first token's vector, projected and squashed (Devlin et al., 2018, section 3)."""

    type: Literal["first_token"]

    def build(
        self, layers: LayerNamespace, name: str, dim: int, initializer: Initializer
    ) -> "FirstToken":
        """Return the pooler of vectors of width `dim`."""
        return FirstToken(layers, name, dim, initializer)


class FirstToken:
    """tanh(x_0 W)."""

    def __init__(
        self, layers: LayerNamespace, name: str, dim: int, initializer: Initializer
    ) -> None:
        self.projection = dense(layers, name, dim, dim, initializer)

    def __call__(self, sequence: Any) -> Any:
        """Return [B, D] for a sequence [B, T, D]."""
        return activate(self.projection(sequence[:, 0]), "tanh")


AnyPooler = FirstTokenConfig
