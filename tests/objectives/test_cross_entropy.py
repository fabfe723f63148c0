"""Cross-entropy against numpy, and its written-out gradient against TensorFlow's own."""

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
    log_shares = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    wanted = np.full(logits.shape, smoothing / 7)
    wanted[np.arange(4), TARGETS] += 1 - smoothing
    return -(wanted * log_shares).sum(axis=1)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_is_cross_entropy_with_the_smoothed_target(smoothing):
    loss, surprise = cross_entropy(tf.constant(LOGITS), tf.constant(TARGETS), smoothing)
    np.testing.assert_allclose(loss, expected_loss(LOGITS, smoothing), rtol=1e-5)
    np.testing.assert_allclose(surprise, expected_loss(LOGITS, 0.0), rtol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_gradient_is_that_of_the_formula(smoothing):
    logits = tf.constant(LOGITS)
    wanted = tf.one_hot(TARGETS, 7) * (1 - smoothing) + smoothing / 7
    weights = tf.constant([1.0, 0.0, 2.0, 0.5])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        ours = tf.reduce_sum(cross_entropy(logits, tf.constant(TARGETS), smoothing)[0] * weights)
        theirs = tf.reduce_sum(tf.nn.softmax_cross_entropy_with_logits(wanted, logits) * weights)
    np.testing.assert_allclose(
        tape.gradient(ours, logits), tape.gradient(theirs, logits), atol=1e-6
    )


def test_sums_leave_out_positions_that_do_not_count():
    weights = np.array([1, 0, 1, 0], dtype="float32")
    target = Target(tf.constant(TARGETS), tf.constant(weights))
    sums = cross_entropy_sums(tf.constant(LOGITS), target)
    best = LOGITS.argmax(axis=1) == TARGETS
    assert float(sums["count"]) == 2
    assert float(sums["correct"]) == best[0] + best[2]
    np.testing.assert_allclose(sums["loss"], expected_loss(LOGITS, 0.0)[[0, 2]].sum(), rtol=1e-5)


def test_metrics_are_means_over_what_counts():
    sums = {"loss": 6.0, "cross_entropy": 2 * np.log(5), "correct": 1.0, "count": 2.0}
    loss, accuracy, perplexity = (metric.from_sums(sums) for metric in CLASSIFICATION_METRICS)
    assert (loss, accuracy) == (3.0, 0.5)
    assert perplexity == pytest.approx(5.0)


def test_metrics_of_nothing_that_counts_are_finite():
    sums = dict.fromkeys(("loss", "cross_entropy", "correct", "count"), 0.0)
    assert [metric.from_sums(sums) for metric in CLASSIFICATION_METRICS] == [0.0, 0.0, 1.0]


def test_only_accuracy_is_better_when_higher_and_perplexity_is_not_printed():
    assert [(m.name, m.higher_is_better, m.is_printed) for m in CLASSIFICATION_METRICS] == [
        ("loss", False, True),
        ("accuracy", True, True),
        ("perplexity", False, False),
    ]


def test_frequency_baseline_is_laplace_smoothed_and_counts_only_positions_that_count():
    train = [Target(np.array([[1, 1], [1, 0]]), np.array([[1, 1], [0, 1]]))]
    validation = [Target(np.array([1, 0, 2]), np.array([1, 1, 0]))]
    found = frequency_baseline(train, validation, num_classes=3)
    # Counts 1, 2, 0 plus one each: probabilities 2/6, 3/6, 1/6.
    assert found["loss"] == pytest.approx(-(np.log(3 / 6) + np.log(2 / 6)) / 2)
    assert found["accuracy"] == 0.5
