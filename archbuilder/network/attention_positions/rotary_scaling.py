"""Scaling of rotary frequencies, for texts longer than those a model was trained on."""

from abc import abstractmethod
from collections.abc import Iterator
from math import tau
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt
from typing_extensions import override

from archbuilder.language import Problem, Spec


class RotaryScaling(Spec):
    """The interface of scalings of rotary frequencies."""

    @abstractmethod
    def __call__(self, frequencies: Any) -> Any:
        """Return the scaled frequencies of pairs, in radians per token: [1, 1, R/2]."""

    def problems(self) -> Iterator[Problem]:
        """Yield the problems that involve several fields."""
        yield from ()


class LinearScaling(RotaryScaling):
    """All frequencies divided by one factor (Chen et al., 2023, equation 4)."""

    type: Literal["linear"]
    factor: PositiveFloat
    """Divisor of the frequencies: the ratio of the new to the original maximum sequence length."""

    @override
    def __call__(self, frequencies: Any) -> Any:
        return frequencies / self.factor


class Llama3Scaling(RotaryScaling):
    """Low frequencies divided by a factor, high ones unchanged, and interpolation between them.

    Grattafiori et al., 2024, section 3.4.2; interpolation as in their reference implementation.
    """

    type: Literal["llama3"]
    factor: PositiveFloat
    """Divisor of the low frequencies."""
    low_frequency_factor: PositiveFloat = 1.0
    """Threshold of low frequencies, in rotations per original_max_sequence_length tokens."""
    high_frequency_factor: PositiveFloat = 4.0
    """Threshold of high frequencies, in rotations per original_max_sequence_length tokens. It must
    be greater than low_frequency_factor."""
    original_max_sequence_length: PositiveInt
    """Maximum sequence length, in tokens, that the model was first trained with."""

    @override
    def __call__(self, frequencies: Any) -> Any:
        from keras import ops

        rotations = frequencies * (self.original_max_sequence_length / tau)
        low, high = self.low_frequency_factor, self.high_frequency_factor
        unscaled = ops.clip((rotations - low) / (high - low), 0.0, 1.0)
        return frequencies * ((1 - unscaled) / self.factor + unscaled)

    @override
    def problems(self) -> Iterator[Problem]:
        low, high = self.low_frequency_factor, self.high_frequency_factor
        if high <= low:
            yield Problem(
                ("high_frequency_factor",),
                f"must be greater than low_frequency_factor ({low:g}), not {high:g}",
            )


AnyRotaryScaling = Annotated[LinearScaling | Llama3Scaling, Field(discriminator="type")]
