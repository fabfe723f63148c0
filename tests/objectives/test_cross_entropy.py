"""Cross-entropy compared with NumPy, and its gradient compared with TensorFlow."""

import numpy as np
import pytest
import tensorflow as tf

from archbuilder.objectives.cross_entropy import (
    CLASSIFICATION_METRICS,
    cross_entropy,
    cross_entropy_sums,
    frequency_baseline,
)
from archbuilder.text.batch import Target

LOGITS = np.random.default_rng(0).normal(0, 3, (4, 7)).astype("float32")
TARGETS = np.array([0, 6, 3, 3], dtype="int32")


def expected_loss(logits, smoothing):
    log_probabilities = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    target = np.full(logits.shape, smoothing / 7)
    target[np.arange(4), TARGETS] += 1 - smoothing
    return -(target * log_probabilities).sum(axis=1)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_is_cross_entropy_with_the_smoothed_target(smoothing):
    loss, unsmoothed = cross_entropy(tf.constant(LOGITS), tf.constant(TARGETS), smoothing)
    np.testing.assert_allclose(loss, expected_loss(LOGITS, smoothing), rtol=1e-5)
    np.testing.assert_allclose(unsmoothed, expected_loss(LOGITS, 0.0), rtol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_gradient_equals_that_of_tensorflow(smoothing):
    logits = tf.constant(LOGITS)
    target = tf.one_hot(TARGETS, 7) * (1 - smoothing) + smoothing / 7
    weights = tf.constant([1.0, 0.0, 2.0, 0.5])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        loss = tf.reduce_sum(cross_entropy(logits, tf.constant(TARGETS), smoothing)[0] * weights)
        expected = tf.reduce_sum(tf.nn.softmax_cross_entropy_with_logits(target, logits) * weights)
    np.testing.assert_allclose(
        tape.gradient(loss, logits), tape.gradient(expected, logits), atol=1e-6
    )


def test_sums_skip_positions_with_weight_zero():
    weights = np.array([1, 0, 1, 0], dtype="float32")
    target = Target(tf.constant(TARGETS), tf.constant(weights))
    sums = cross_entropy_sums(tf.constant(LOGITS), target)
    is_correct = LOGITS.argmax(axis=1) == TARGETS
    assert float(sums["count"]) == 2
    assert float(sums["correct"]) == is_correct[0] + is_correct[2]
    np.testing.assert_allclose(sums["loss"], expected_loss(LOGITS, 0.0)[[0, 2]].sum(), rtol=1e-5)


def test_metrics_are_means_over_targets():
    sums = {"loss": 6.0, "cross_entropy": 2 * np.log(5), "correct": 1.0, "count": 2.0}
    loss, accuracy, perplexity = (metric.from_sums(sums) for metric in CLASSIFICATION_METRICS)
    assert (loss, accuracy) == (3.0, 0.5)
    assert perplexity == pytest.approx(5.0)


def test_metrics_without_targets_are_finite():
    sums = dict.fromkeys(("loss", "cross_entropy", "correct", "count"), 0.0)
    assert [metric.from_sums(sums) for metric in CLASSIFICATION_METRICS] == [0.0, 0.0, 1.0]


def test_higher_accuracy_is_better_and_perplexity_is_not_printed():
    assert [(m.name, m.higher_is_better, m.is_printed) for m in CLASSIFICATION_METRICS] == [
        ("loss", False, True),
        ("accuracy", True, True),
        ("perplexity", False, False),
    ]


def test_frequency_baseline_is_laplace_smoothed_and_skips_weight_zero():
    train = [Target(np.array([[1, 1], [1, 0]]), np.array([[1, 1], [0, 1]]))]
    validation = [Target(np.array([1, 0, 2]), np.array([1, 1, 0]))]
    metrics = frequency_baseline(train, validation, num_classes=3)
    # Counts are 1, 2, 0, plus 1 each: probabilities 2/6, 3/6, 1/6.
    assert metrics["loss"] == pytest.approx(-(np.log(3 / 6) + np.log(2 / 6)) / 2)
    assert metrics["accuracy"] == 0.5
