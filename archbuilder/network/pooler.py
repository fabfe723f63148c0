"""One vector for a whole sequence."""

from typing import Literal

from archbuilder.language import Spec
from archbuilder.network.activation import activate
from archbuilder.network.layer import dense


class FirstTokenConfig(Spec):
    """The first token's vector, projected and squashed (Devlin et al., 2018, section 3)."""

    type: Literal["first_token"]

    def build(self, layers, name: str, dim: int, initializer):
        projection = dense(layers, name, dim, dim, initializer)
        return lambda sequence: activate(projection(sequence[:, 0]), "tanh")  # -> [B, D]


AnyPooler = FirstTokenConfig
