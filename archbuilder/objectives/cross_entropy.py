"""Cross-entropy, accuracy and perplexity, as sums that can be added over batches and devices."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from archbuilder.objectives.loss_term import Tensor
from archbuilder.objectives.metric import LOSS, Metric, mean
from archbuilder.text.batch import Target


def perplexity(sums: Mapping[str, float]) -> float:
    """Return the exponential of the mean cross-entropy without label smoothing."""
    return float(np.exp(min(mean(sums, "cross_entropy"), 700)))


CLASSIFICATION_METRICS = (
    LOSS,
    Metric("accuracy", partial(mean, key="correct"), higher_is_better=True),
    Metric("perplexity", perplexity, higher_is_better=False, is_printed=False),
)
"""Metrics that are computed from `cross_entropy_sums`."""


def cross_entropy_sums(
    logits: Tensor, target: Target, label_smoothing: float = 0.0
) -> dict[str, Tensor]:
    """Return sums over all positions, weighted by `target.weights`, each a float32 scalar.

    Args:
        logits: Logits, [..., V].
        target: Target with `ids` int32 [...] and `weights` float32 [...].
        label_smoothing: Fraction of the probability that is spread over all classes (Szegedy et
            al., 2016, section 7). Default: 0.

    Returns:
        `loss` (nats, with label smoothing), `cross_entropy` (nats, without label smoothing),
        `correct` (number of correct predictions) and `count` (number of targets).
    """
    from keras import ops

    logits = ops.reshape(ops.cast(logits, "float32"), (-1, logits.shape[-1]))  # [N, V]
    ids, weights = ops.reshape(target.ids, (-1,)), ops.reshape(target.weights, (-1,))  # [N]
    loss, unsmoothed = cross_entropy(logits, ids, label_smoothing)
    correct = ops.cast(ops.equal(ops.argmax(logits, axis=-1), ids), "float32")
    return {
        "loss": ops.sum(loss * weights),
        "cross_entropy": ops.sum(ops.stop_gradient(unsmoothed) * weights),
        "correct": ops.sum(correct * weights),
        "count": ops.sum(weights),
    }


def cross_entropy(
    logits: Tensor, ids: Tensor, label_smoothing: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Return the cross-entropy with and without label smoothing, in nats, [N] each.

    The gradient is the softmax minus the smoothed target. It is defined here, so that the softmax
    is computed once and targets are never expanded to [N, V].

    Args:
        logits: Logits, [N, V].
        ids: Target classes, int32 [N].
        label_smoothing: Fraction of the probability that is spread over all classes. Default: 0.
    """
    from keras import ops

    return ops.custom_gradient(lambda x, i: _cross_entropy(x, i, label_smoothing))(logits, ids)


def _cross_entropy(
    logits: Tensor, ids: Tensor, label_smoothing: float
) -> tuple[tuple[Tensor, Tensor], Callable]:
    from keras import ops

    classes = logits.shape[-1]
    maximum = ops.max(logits, axis=-1, keepdims=True)
    probabilities = ops.exp(logits - maximum)
    total = ops.sum(probabilities, axis=-1, keepdims=True)
    probabilities = probabilities / total
    normalizer = (ops.log(total) + maximum)[:, 0]
    target_logits = ops.take_along_axis(logits, ids[:, None], axis=-1)[:, 0]
    unsmoothed = normalizer - target_logits
    loss = unsmoothed
    if label_smoothing:
        uniform = normalizer - ops.mean(logits, axis=-1)
        loss = (1 - label_smoothing) * unsmoothed + label_smoothing * uniform

    def gradient(*upstream: Any, **_: Any) -> tuple[Tensor, None]:
        # JAX passes one tuple, TensorFlow its elements. Only the loss has a gradient.
        first = upstream[0][0] if isinstance(upstream[0], tuple) else upstream[0]
        slopes = (probabilities - label_smoothing / classes) * first[:, None]
        rows = ops.cumsum(ops.ones_like(ids), axis=0) - 1
        indices = ops.stack([rows, ids], axis=1)
        at_target = ops.exp(-unsmoothed) - label_smoothing / classes - (1 - label_smoothing)
        return ops.scatter_update(slopes, indices, at_target * first), None

    return (loss, unsmoothed), gradient


def frequency_baseline(
    train: Sequence[Target],
    validation: Sequence[Target],
    num_classes: int,
    label_smoothing: float = 0.0,
) -> dict[str, float]:
    """Return loss (nats) and accuracy of predicting the frequencies of the training targets.

    Args:
        train: Targets that are counted. Counts are increased by 1 (Laplace smoothing), and the
            frequencies are smoothed like the labels.
        validation: Targets that the metrics are computed on.
        num_classes: Number of classes.
        label_smoothing: Label smoothing of the loss. Default: 0.
    """
    counts = np.ones(num_classes)
    for target in train:
        occurrences = np.bincount(_real_ids(target))
        counts[: len(occurrences)] += occurrences
    uniform = label_smoothing / num_classes
    probabilities = (1 - label_smoothing) * counts / counts.sum() + uniform
    nats = -np.log(probabilities)
    ids = np.concatenate([_real_ids(target) for target in validation])
    loss = (1 - label_smoothing) * nats[ids].mean() + label_smoothing * nats.mean()
    accuracy = (ids == probabilities.argmax()).mean()
    return {"loss": float(loss), "accuracy": float(accuracy)}


def _real_ids(target: Target) -> np.ndarray:
    return target.ids[target.weights > 0]
