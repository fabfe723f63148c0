"""Weight initializers.

Each variant returns the configurations of Keras initializers: Keras accepts them, and they are
written without importing it.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat
from typing_extensions import override

from archbuilder.language import Spec


@dataclass(frozen=True)
class Gains:
    """Factors on the initial weights of a sublayer."""

    inner: float = 1.0
    """Factor for values, and for all projections of a feed-forward layer but the last."""
    output: float = 1.0
    """Factor for the last projection before the residual sum."""


NO_GAINS = Gains()
"""Factors that change nothing."""


class Initializer(Spec):
    """The interface of initializers."""

    @abstractmethod
    def kernel(self, inputs: int, outputs: int, gain: float = 1.0) -> dict:
        """Return the initializer of a projection [inputs, outputs], scaled by `gain`."""

    @abstractmethod
    def table(self, dim: int) -> dict:
        """Return the initializer of a table of vectors of width `dim`."""

    def query_gain(self, key_dim: int) -> float:
        """Return the factor for the projection to queries with heads of width `key_dim`."""
        return 1.0

    def output_gain(self, sublayers: int) -> float:
        """Return the factor for the last projection of a sublayer in a stack of `sublayers`."""
        return 1.0


class GlorotUniform(Initializer):
    """Matrices uniform within sqrt(6 / (inputs + outputs)), tables normal with deviation D**-0.5.

    Glorot and Bengio, 2010, equation 16; tables as in Vaswani et al., 2017, whose embeddings are
    multiplied by sqrt(D) in section 3.4.
    """

    type: Literal["glorot_uniform"]

    @override
    def kernel(self, inputs: int, outputs: int, gain: float = 1.0) -> dict:
        limit = gain * (6 / (inputs + outputs)) ** 0.5
        return _initializer("RandomUniform", minval=-limit, maxval=limit)

    @override
    def table(self, dim: int) -> dict:
        return _initializer("RandomNormal", mean=0.0, stddev=dim**-0.5)


class _NormalBase(Initializer):
    """The fields of normal initializers."""

    stddev: PositiveFloat = 0.02
    """Standard deviation, before truncation."""
    scale_by_depth: bool = False
    """Divide the deviation of each sublayer's last projection by the root of the number of
    sublayers in its stack (Radford et al., 2019, section 2.3)."""

    def table(self, dim: int) -> dict:
        return self.kernel(0, dim)

    def output_gain(self, sublayers: int) -> float:
        return sublayers**-0.5 if self.scale_by_depth else 1.0


class TruncatedNormal(_NormalBase):
    """Everything normal, cut at two deviations (Devlin et al., 2018, reference implementation)."""

    type: Literal["truncated_normal"]

    @override
    def kernel(self, inputs: int, outputs: int, gain: float = 1.0) -> dict:
        return _initializer("TruncatedNormal", mean=0.0, stddev=gain * self.stddev)


class Normal(_NormalBase):
    """Everything normal (Radford et al., 2018, section 4.1)."""

    type: Literal["normal"]

    @override
    def kernel(self, inputs: int, outputs: int, gain: float = 1.0) -> dict:
        return _initializer("RandomNormal", mean=0.0, stddev=gain * self.stddev)


class T5Normal(Initializer):
    """Matrices normal with deviation inputs**-0.5, tables with 1.

    Queries are divided by the root of a head's width, since T5 does not scale its scores (Raffel et
    al., 2020, reference implementation).
    """

    type: Literal["t5"]

    @override
    def kernel(self, inputs: int, outputs: int, gain: float = 1.0) -> dict:
        return _initializer("RandomNormal", mean=0.0, stddev=gain * inputs**-0.5)

    @override
    def table(self, dim: int) -> dict:
        return _initializer("RandomNormal", mean=0.0, stddev=1.0)

    @override
    def query_gain(self, key_dim: int) -> float:
        return key_dim**-0.5


def constant(value: float) -> dict:
    """Return the initializer that sets every weight to `value`."""
    return {"class_name": "Constant", "config": {"value": value}}


def _initializer(class_name: str, **config: float) -> dict:
    return {"class_name": class_name, "config": {**config, "seed": None}}


AnyInitializer = Annotated[
    GlorotUniform | TruncatedNormal | Normal | T5Normal, Field(discriminator="type")
]
