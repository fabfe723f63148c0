"""Objectives of an encoder with a decoder: to write a target, token by token, after reading."""

from collections.abc import Iterator

from archbuilder.language import Problem
from archbuilder.network.backbone import Backbone, BackboneConfig
from archbuilder.network.layer import Probability
from archbuilder.objectives.objective import Objective


class Seq2SeqObjective(Objective):
    """The interface of these: guess each token of the target from the source and those before."""

    label_smoothing: Probability = 0.0
    """Share of probability spread over the whole vocabulary."""

    def build(self, layers, name: str, network: Backbone):
        project = network.project()
        return lambda streams, inputs: project(streams["decoder_sequence"])  # -> [B, T, V]

    def corrupt(self, name: str, batch: dict, random, vocabulary) -> None:
        batch[f"{name}_targets"] = batch.pop("decoder_targets")
        batch[f"{name}_weights"] = batch["decoder_padding_mask"].astype("float32")

    def smoothing(self) -> float:
        return self.label_smoothing

    def problems(self, model: BackboneConfig) -> Iterator[Problem]:
        if model.decoder is None:
            yield Problem((), "writing a target needs model.decoder, and the model has none")
        elif model.encoder is None:
            yield Problem((), "reading a source needs model.encoder, and the model has none")


def one_vocabulary(model: BackboneConfig) -> Iterator[Problem]:
    """What an objective finds wrong whose source and target are one text."""
    if model.target_vocabulary_size is not None:
        yield Problem(
            (),
            "its source and target are one text, with one vocabulary: "
            "leave out model.target_vocabulary_size",
        )
