"""Sequence to sequence: write the target, token by token, after reading the source."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from archbuilder.language import Mistake
from archbuilder.network.architecture import Architecture, Network
from archbuilder.network.layer import Rate
from archbuilder.objectives.objective import Objective
from archbuilder.text.examples import Examples, Translations


class SequenceToSequence(Objective):
    """Guess each token of the target from the source and the true tokens before it.

    Vaswani et al., 2017; label smoothing in section 5.4.
    """

    type: Literal["sequence_to_sequence"]
    label_smoothing: Rate = 0.0
    """Share of probability spread over the whole vocabulary."""
    examples: ClassVar[type[Examples]] = Translations

    def build(self, layers, name: str, network: Network):
        project = network.project()
        return lambda streams, inputs: project(streams["decoder_sequence"])  # -> [B, T, V]

    def corrupt(self, name: str, batch: dict, random, vocabulary) -> None:
        batch[f"{name}_targets"] = batch.pop("decoder_targets")
        batch[f"{name}_weights"] = batch["decoder_padding_mask"].astype("float32")

    def smoothing(self) -> float:
        return self.label_smoothing

    def mistakes(self, model: Architecture) -> Iterator[Mistake]:
        if model.decoder is None:
            yield Mistake((), "writing a target needs model.decoder, and the model has none")
        elif model.encoder is None:
            yield Mistake((), "reading a source needs model.encoder, and the model has none")
