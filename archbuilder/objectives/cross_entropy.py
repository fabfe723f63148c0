"""Cross-entropy with accuracy and perplexity, as sums that add up over batches and devices."""

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
"""What is computed from `cross_entropy_sums`."""


def cross_entropy_sums(
    logits: Tensor, target: Target, label_smoothing: float = 0.0
) -> dict[str, Tensor]:
    """Return sums over the positions that count, each a float32 scalar.

    Args:
        logits: [..., V]
        target: `ids` int32 [...], and `weights` float32 [...].
        label_smoothing: Fraction of the probability that is spread over all classes (Szegedy et
            al., 2016, section 7). Default: 0.0.

    Returns:
        `loss` (nats, with label smoothing), `cross_entropy` (nats, without), `correct` and
        `count`.
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
    """Return the loss with and without label smoothing, [N] each, of logits [N, V] and ids [N].

    The gradient, softmax minus the smoothed target, is written out: the softmax is computed once,
    and the target is never expanded to a row of V numbers.
    """
    from keras import ops

    return ops.custom_gradient(lambda x, i: _cross_entropy(x, i, label_smoothing))(logits, ids)


def _cross_entropy(
    logits: Tensor, ids: Tensor, label_smoothing: float
) -> tuple[tuple[Tensor, Tensor], Callable]:
    from keras import ops

    classes = logits.shape[-1]
    top = ops.max(logits, axis=-1, keepdims=True)
    probabilities = ops.exp(logits - top)
    total = ops.sum(probabilities, axis=-1, keepdims=True)
    probabilities = probabilities / total
    normalizer = (ops.log(total) + top)[:, 0]
    target_logits = ops.take_along_axis(logits, ids[:, None], axis=-1)[:, 0]
    unsmoothed = normalizer - target_logits
    loss = unsmoothed
    if label_smoothing:
        uniform = normalizer - ops.mean(logits, axis=-1)
        loss = (1 - label_smoothing) * unsmoothed + label_smoothing * uniform

    def gradient(*upstream: Any, **_: Any) -> tuple[Tensor, None]:
        # JAX passes one tuple, TensorFlow its members; only the loss has a gradient.
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
    """Return loss (nats) and accuracy of predicting each class with its frequency in training.

    Frequencies are those of `train` plus one (Laplace smoothing), and are smoothed as the labels
    are. The metrics are those on all positions of `validation` that count.
    """
    counts = np.ones(num_classes)
    for target in train:
        seen = np.bincount(_counted(target))
        counts[: len(seen)] += seen
    uniform = label_smoothing / num_classes
    probabilities = (1 - label_smoothing) * counts / counts.sum() + uniform
    nats = -np.log(probabilities)
    ids = np.concatenate([_counted(target) for target in validation])
    loss = (1 - label_smoothing) * nats[ids].mean() + label_smoothing * nats.mean()
    accuracy = (ids == probabilities.argmax()).mean()
    return {"loss": float(loss), "accuracy": float(accuracy)}


def _counted(target: Target) -> np.ndarray:
    return target.ids[target.weights > 0]
