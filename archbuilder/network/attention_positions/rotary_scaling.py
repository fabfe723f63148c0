"""Scaling of rotary frequencies, for texts longer than those a model was trained on."""

from abc import abstractmethod
from collections.abc import Iterator
from math import tau
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt
from typing_extensions import override

from archbuilder.language import Problem, Spec


class RotaryScaling(Spec):
    """The interface of scalings."""

    @abstractmethod
    def __call__(self, frequencies: Any) -> Any:
        """Return the scaled frequencies of pairs, in radians per token: [1, 1, R/2]."""

    def problems(self) -> Iterator[Problem]:
        """Yield what does not fit together."""
        yield from ()


class LinearScaling(RotaryScaling):
    """Every pair turns slower by one factor (Chen et al., 2023, equation 4)."""

    type: Literal["linear"]
    factor: PositiveFloat
    """How many times further the positions reach."""

    @override
    def __call__(self, frequencies: Any) -> Any:
        return frequencies / self.factor


class Llama3Scaling(RotaryScaling):
    """Slow pairs turn slower, fast ones as before, with a ramp between.

    Grattafiori et al., 2024, section 3.4.2; the ramp as in their reference implementation.
    """

    type: Literal["llama3"]
    factor: PositiveFloat
    """How many times slower the slow pairs turn."""
    low_frequency_factor: PositiveFloat = 1.0
    """Pairs that turn less often than this in the original length are slow."""
    high_frequency_factor: PositiveFloat = 4.0
    """Pairs that turn more often than this in the original length are fast."""
    original_max_sequence_length: PositiveInt
    """Tokens that the model was trained to read."""

    @override
    def __call__(self, frequencies: Any) -> Any:
        from keras import ops

        turns = frequencies * (self.original_max_sequence_length / tau)
        low, high = self.low_frequency_factor, self.high_frequency_factor
        fast = ops.clip((turns - low) / (high - low), 0.0, 1.0)
        return frequencies * ((1 - fast) / self.factor + fast)

    @override
    def problems(self) -> Iterator[Problem]:
        low, high = self.low_frequency_factor, self.high_frequency_factor
        if high <= low:
            yield Problem(
                ("high_frequency_factor",),
                f"{high:g} is not above low_frequency_factor {low:g}",
            )


AnyRotaryScaling = Annotated[LinearScaling | Llama3Scaling, Field(discriminator="type")]
