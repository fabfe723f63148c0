"""Causal language model: guess each token from those before it."""

from collections.abc import Iterator
from typing import Literal

import numpy as np

from archbuilder.language import Problem
from archbuilder.network.backbone import Backbone, BackboneConfig
from archbuilder.network.layer import Probability
from archbuilder.objectives.objective import Objective


class CausalLM(Objective):
    """Guess the next token (Radford et al., 2018, section 3.1, equation 1)."""

    type: Literal["causal_lm"]
    label_smoothing: Probability = 0.0
    """Share of probability spread over the whole vocabulary."""

    def build(self, layers, name: str, network: Backbone):
        project = network.project()
        return lambda streams, inputs: project(streams["sequence"])  # -> [B, T, V]

    def corrupt(self, name: str, batch: dict, random, vocabulary) -> None:
        """The target of each token is the one behind it, if that is of the same example."""
        follows = _next(batch["padding_mask"]) > 0
        if "packing_ids" in batch:
            follows &= _next(batch["packing_ids"]) == batch["packing_ids"]
        batch[f"{name}_targets"] = _next(batch["token_ids"])
        batch[f"{name}_weights"] = follows.astype("float32")

    def smoothing(self) -> float:
        return self.label_smoothing

    def problems(self, model: BackboneConfig) -> Iterator[Problem]:
        if model.decoder is None or model.encoder is not None:
            yield Problem((), "the next token is guessed by a decoder alone; write 'encoder: null'")


def _next(array):  # [B, T], shifted by one, zero at the end
    return np.pad(array[:, 1:], ((0, 0), (0, 1)))
