"""Weight initializers.

Each variant returns serialized configs of Keras initializers, which Keras layers accept, so this
module does not import Keras.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat
from typing_extensions import override

from archbuilder.language import Spec


@dataclass(frozen=True)
class Gains:
    """Factors that the initial weights of a sublayer are multiplied by."""

    inner: float = 1.0
    """Factor of the value projection, and of all but the last projection of a feed-forward layer.
    Default: 1."""
    output: float = 1.0
    """Factor of the last projection before the residual sum. Default: 1."""


NO_GAINS = Gains()
"""Factors of 1."""


class Initializer(Spec):
    """The interface of initializers."""

    @abstractmethod
    def kernel(self, inputs: int, outputs: int, gain: float = 1.0) -> dict:
        """Return the initializer of a kernel [inputs, outputs].

        Args:
            inputs: Width of the input.
            outputs: Width of the output.
            gain: Factor of the initial weights. Default: 1.
        """

    @abstractmethod
    def table(self, dim: int) -> dict:
        """Return the initializer of an embedding matrix of width `dim`."""

    def query_gain(self, key_dim: int) -> float:
        """Return the factor for the query projection of heads of width `key_dim`."""
        return 1.0

    def output_gain(self, sublayers: int) -> float:
        """Return the factor for the last projection of each sublayer in a stack of `sublayers`."""
        return 1.0


class GlorotUniform(Initializer):
    """Kernels uniform within +-sqrt(6 / (inputs + outputs)); embeddings normal, stddev D**-0.5.

    Kernels: Glorot and Bengio, 2010, equation 16. Embeddings: Vaswani et al., 2017, who multiply
    them by sqrt(D) in section 3.4.
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
    """Whether the standard deviation of the last projection of each sublayer is divided by the
    square root of the number of sublayers in its stack (Radford et al., 2019, section 2.3)."""

    @override
    def table(self, dim: int) -> dict:
        return self.kernel(0, dim)

    @override
    def output_gain(self, sublayers: int) -> float:
        return sublayers**-0.5 if self.scale_by_depth else 1.0


class TruncatedNormal(_NormalBase):
    """Normal kernels and embeddings, truncated at two standard deviations.

    Devlin et al., 2018, reference implementation.
    """

    type: Literal["truncated_normal"]

    @override
    def kernel(self, inputs: int, outputs: int, gain: float = 1.0) -> dict:
        return _initializer("TruncatedNormal", mean=0.0, stddev=gain * self.stddev)


class Normal(_NormalBase):
    """Normal kernels and embeddings (Radford et al., 2018, section 4.1)."""

    type: Literal["normal"]

    @override
    def kernel(self, inputs: int, outputs: int, gain: float = 1.0) -> dict:
        return _initializer("RandomNormal", mean=0.0, stddev=gain * self.stddev)


class T5Normal(Initializer):
    """Normal kernels with stddev inputs**-0.5, and normal embeddings with stddev 1.

    The query projection is divided by sqrt(key_dim), since T5 does not scale attention logits
    (Raffel et al., 2020, reference implementation).
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
