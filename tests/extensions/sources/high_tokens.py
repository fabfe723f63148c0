"""Regression: predict the fraction of a text's tokens that have a high id."""

import math
from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np

from archbuilder.network.layer import dense
from archbuilder.objectives.metric import LOSS, Metric
from archbuilder.objectives.objective import Objective
from archbuilder.text.batch import Target


def pearson(sums: Mapping[str, float]) -> float:
    """Return the correlation of predictions x and targets y, from their moments."""
    count, x, y = max(sums["count"], 1.0), sums["x"], sums["y"]
    covariance = sums["xy"] - x * y / count
    variances = (sums["xx"] - x * x / count) * (sums["yy"] - y * y / count)
    return covariance / math.sqrt(variances) if variances > 0 else 0.0


class HighTokens(Objective):
    """Prediction of the fraction of ids in the upper half of the vocabulary."""

    type: Literal["high_tokens"]

    head_type: ClassVar[str] = "regression"
    metrics: ClassVar[tuple[Metric, ...]] = (
        LOSS,
        Metric("pearson", pearson, higher_is_better=True),
    )
    needs_pooled_output: ClassVar[bool] = True

    def build(self, layers, name, backbone):
        head = dense(layers, name, backbone.config.hidden_dim, 1, backbone.config.initializer)
        return lambda outputs, inputs: head(outputs["pooled_output"])  # [B, D] -> [B, 1]

    def prepare_batch(self, name, batch, rng, vocabulary):
        ids, real = batch.inputs["token_ids"], batch.inputs["padding_mask"]
        fraction = ((ids >= vocabulary.size // 2) * real).sum(axis=1) / real.sum(axis=1)
        batch.targets[name] = Target(fraction.astype("float32"), np.ones(len(ids), "float32"))

    def sums(self, outputs, target):
        from keras import ops

        x, y = ops.cast(outputs[:, 0], "float32"), target.ids
        terms = {"loss": ops.square(x - y), "x": x, "y": y, "xx": x * x, "xy": x * y, "yy": y * y}
        sums = {key: ops.sum(term * target.weights) for key, term in terms.items()}
        return sums | {"count": ops.sum(target.weights)}
