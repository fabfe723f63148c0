"""Sequence-to-sequence objectives, which train an encoder and a decoder."""

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
    """The interface of sequence-to-sequence objectives.

    Each token of the target is predicted from the source and the target tokens before it.
    """

    head_type: ClassVar[str] = "seq2seq"

    @override
    def build(self, layers: LayerNamespace, name: str, backbone: Backbone) -> Head:
        project = backbone.output_projection()
        return lambda outputs, inputs: project(outputs["decoder_sequence_output"])  # -> [B, T, V]

    @override
    def prepare_batch(
        self, name: str, batch: Batch, rng: "np.random.Generator", vocabulary: Vocabulary
    ) -> None:
        padding_mask = batch.inputs[TOKEN_SEQUENCES["decoder_"].padding_mask]
        ids = batch.columns.pop(DECODER_TARGETS)
        batch.targets[name] = Target(ids, padding_mask.astype("float32"))

    @override
    def problems(self, model: BackboneConfig) -> Iterator[Problem]:
        if model.decoder is None:
            yield Problem((), "needs model.decoder, which is missing")
        elif model.encoder is None:
            yield Problem((), "needs model.encoder, which is missing")


def single_vocabulary_problems(model: BackboneConfig) -> Iterator[Problem]:
    """Yield a problem if there is a target vocabulary, but source and target are one text."""
    if model.target_vocabulary_size is not None:
        yield Problem(
            (),
            "source and target are the same text and need one vocabulary; "
            "remove model.target_vocabulary_size",
        )
