"""Causal language modeling: predict each token from the tokens before it."""

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
from typing_extensions import override

from archbuilder.language import Problem
from archbuilder.network.backbone import Backbone, BackboneConfig
from archbuilder.network.layer_namespace import LayerNamespace
from archbuilder.objectives.objective import Head
from archbuilder.objectives.token_prediction import TokenPrediction
from archbuilder.text.batch import TOKEN_SEQUENCES, Array, Batch, Target
from archbuilder.text.vocabulary import Vocabulary


class CausalLM(TokenPrediction):
    """Causal language modeling: prediction of the next token.

    Radford et al., 2018, section 3.1, equation 1.
    """

    type: Literal["causal_lm"]

    head_type: ClassVar[str] = "causal_lm"

    @override
    def build(self, layers: LayerNamespace, name: str, backbone: Backbone) -> Head:
        project = backbone.output_projection()
        return lambda outputs, inputs: project(outputs["sequence_output"])  # -> [B, T, V]

    def prepare_batch(
        self, name: str, batch: Batch, rng: "np.random.Generator", vocabulary: Vocabulary
    ) -> None:
        """Add the next token of the same example as the target of each token."""
        inputs, sequence = batch.inputs, TOKEN_SEQUENCES[""]
        has_next = _next(inputs[sequence.padding_mask]) > 0
        if sequence.packing_ids in inputs:
            packing_ids = inputs[sequence.packing_ids]
            has_next &= _next(packing_ids) == packing_ids
        batch.targets[name] = Target(_next(inputs[sequence.token_ids]), has_next.astype("float32"))

    @override
    def problems(self, model: BackboneConfig) -> Iterator[Problem]:
        if model.decoder is None or model.encoder is not None:
            yield Problem((), "needs a model with a decoder and no encoder; write 'encoder: null'")


def _next(array: Array) -> Array:  # [B, T], shifted left by one, 0 at the end
    return np.pad(array[:, 1:], ((0, 0), (0, 1)))
