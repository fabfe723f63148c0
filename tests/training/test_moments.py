"""The optimizer against numpy, step by step."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from archbuilder.training.moments import Moments


def table_model():
    """One embedding of three rows of width one, starting at zero."""
    ids = keras.Input((None,), dtype="int32")
    layer = keras.layers.Embedding(3, 1, embeddings_initializer="zeros", name="table")
    return keras.Model(ids, layer(ids)), layer


def lookup_gradient(model, layer, ids, slopes):
    """The sparse gradient of looking up `ids`, each with its slope."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(np.array([ids]))[0, :, 0] * tf.constant(slopes))
    gradient = tape.gradient(loss, layer.embeddings.value)
    assert isinstance(gradient, tf.IndexedSlices)
    return gradient


def numpy_adam(gradients, rate, beta_1, beta_2, epsilon, decay=0.0):
    """Kingma and Ba, 2015, section 2, last paragraph: one scalar's path from zero."""
    weight = mean = square = 0.0
    for step, gradient in enumerate(gradients, start=1):
        weight -= rate * decay * weight
        mean = beta_1 * mean + (1 - beta_1) * gradient
        square = beta_2 * square + (1 - beta_2) * gradient**2
        scale = rate * (1 - beta_2**step) ** 0.5 / (1 - beta_1**step)
        weight -= scale * mean / (square**0.5 + epsilon)
    return weight


@pytest.mark.parametrize("decay", [None, 0.1])
def test_an_id_met_twice_counts_with_the_sum_of_its_gradients(decay):
    model, layer = table_model()
    moments = {"beta_1": 0.9, "beta_2": 0.99, "epsilon": 1e-7}
    optimizer = Moments(model, clip=None, weight_decay=decay, **moments)
    optimizer.learning_rate = 0.1
    for _ in range(3):
        gradient = lookup_gradient(model, layer, [1, 1, 2], [1.0, 3.0, 2.0])
        optimizer.apply([gradient], model.trainable_variables)
    expected = [
        numpy_adam([total] * 3, 0.1, decay=decay or 0.0, **moments) for total in (0.0, 4.0, 2.0)
    ]
    np.testing.assert_allclose(layer.embeddings[:, 0], expected, rtol=1e-5, atol=1e-7)


def test_norm_is_recorded_before_clipping_and_the_step_is_clipped():
    model, layer = table_model()
    optimizer = Moments(model, clip=1.0, weight_decay=None, beta_1=0.0, beta_2=0.0, epsilon=1.0)
    optimizer.learning_rate = 1.0
    gradient = lookup_gradient(model, layer, [0, 1], [3.0, 4.0])
    optimizer.apply([gradient], model.trainable_variables)
    assert float(optimizer.gradient_norm) == pytest.approx(5.0)
    # The clipped gradient is (0.6, 0.8); each step is g / (|g| + 1).
    np.testing.assert_allclose(layer.embeddings[:, 0], [-0.375, -0.8 / 1.8, 0.0], rtol=1e-5)


def test_norms_and_biases_do_not_decay():
    inputs = keras.Input((2,))
    hidden = keras.layers.Dense(2, name="dense")(inputs)
    model = keras.Model(inputs, keras.layers.LayerNormalization(name="norm")(hidden))
    for weight in model.weights:
        weight.assign(np.ones(weight.shape))
    moments = {"beta_1": 0.9, "beta_2": 0.9, "epsilon": 1e-7}
    optimizer = Moments(model, clip=None, weight_decay=0.5, **moments)
    optimizer.learning_rate = 1.0
    zeros = [tf.zeros_like(weight) for weight in model.trainable_variables]
    optimizer.apply(zeros, model.trainable_variables)
    left = {weight.path: float(np.asarray(weight).flat[0]) for weight in model.weights}
    assert left == {
        "dense/kernel": 0.5,
        "dense/bias": 1.0,
        "norm/gamma": 1.0,
        "norm/beta": 1.0,
    }
