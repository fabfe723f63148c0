"""Cross-entropy against numpy, and its written-out gradient against TensorFlow's own."""

import numpy as np
import pytest
import tensorflow as tf

from archbuilder.objectives.cross_entropy import cross_entropy, score

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


def test_one_logit_is_that_of_class_1_against_class_0():
    logit, targets = np.array([[-2.0], [0.5], [3.0]], "float32"), np.array([0, 1, 0], "int32")
    sums = score(tf.constant(logit), tf.constant(targets), tf.ones(3))
    signs = np.where(targets == 1, -1, 1) * logit[:, 0]
    np.testing.assert_allclose(sums["loss"], np.log1p(np.exp(signs)).sum(), rtol=1e-5)
    assert float(sums["correct"]) == 2


def test_sums_leave_out_positions_that_do_not_count():
    weights = np.array([1, 0, 1, 0], dtype="float32")
    sums = score(tf.constant(LOGITS), tf.constant(TARGETS), tf.constant(weights))
    best = LOGITS.argmax(axis=1) == TARGETS
    assert float(sums["count"]) == 2
    assert float(sums["correct"]) == best[0] + best[2]
    np.testing.assert_allclose(sums["loss"], expected_loss(LOGITS, 0.0)[[0, 2]].sum(), rtol=1e-5)
