"""How weights begin.

Each variant gives Keras initialisers as their configurations, which Keras accepts and which need
no Keras to write.
"""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat

from archbuilder.language import Spec


class GlorotUniform(Spec):
    """Matrices uniform within sqrt(6 / (inputs + outputs)), tables normal with deviation D**-0.5.

    Glorot and Bengio, 2010, equation 16; tables as in Vaswani et al., 2017, whose embeddings are
    multiplied by sqrt(D) in section 3.4.
    """

    type: Literal["glorot_uniform"]

    def kernel(self, inputs: int, outputs: int) -> dict:
        limit = (6 / (inputs + outputs)) ** 0.5
        return _initializer("RandomUniform", minval=-limit, maxval=limit)

    def table(self, dim: int) -> dict:
        return _initializer("RandomNormal", mean=0.0, stddev=dim**-0.5)


class TruncatedNormal(Spec):
    """Everything normal, cut at two deviations (Devlin et al., 2018, reference implementation)."""

    type: Literal["truncated_normal"]
    stddev: PositiveFloat = 0.02
    """Standard deviation before the cut."""

    def kernel(self, inputs: int, outputs: int) -> dict:
        return _initializer("TruncatedNormal", mean=0.0, stddev=self.stddev)

    def table(self, dim: int) -> dict:
        return self.kernel(0, dim)


def _initializer(class_name: str, **config: float) -> dict:
    return {"class_name": class_name, "config": {**config, "seed": None}}


Initializer = Annotated[GlorotUniform | TruncatedNormal, Field(discriminator="type")]
