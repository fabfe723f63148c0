"""Objectives of an encoder with a decoder: to write a target, token by token, after reading."""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from typing_extensions import override

from archbuilder.language import Problem
from archbuilder.network.backbone import Backbone, BackboneConfig
from archbuilder.network.layer_namespace import LayerNamespace
from archbuilder.objectives.objective import Head
from archbuilder.objectives.token_prediction import TokenPrediction
from archbuilder.text.batch import DECODER_TARGETS, TOKEN_SEQUENCES, Batch, Target
from archbuilder.text.vocabulary import Vocabulary


class Seq2SeqObjective(TokenPrediction):
    """The interface of these: guess each token of the target from the source and those before."""

    head_type: ClassVar[str] = "seq2seq"

    @override
    def build(self, layers: LayerNamespace, name: str, backbone: Backbone) -> Head:
        project = backbone.output_projection()
        return lambda streams, inputs: project(streams["decoder_sequence_output"])  # -> [B, T, V]

    @override
    def prepare_batch(
        self, name: str, batch: Batch, rng: np.random.Generator, vocabulary: Vocabulary
    ) -> None:
        padding_mask = batch.inputs[TOKEN_SEQUENCES["decoder_"].padding_mask]
        ids = batch.columns.pop(DECODER_TARGETS)
        batch.targets[name] = Target(ids, padding_mask.astype("float32"))

    @override
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
