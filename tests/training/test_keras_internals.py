"""Each private name of Keras that is used still exists and means the same."""

import jax
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.backend.jax.core import JaxVariable

from archbuilder.training import keras_internals

GRADIENTS = [np.array([1.0, -2.0], "float32"), np.array([3.0], "float32")]


@pytest.fixture
def weights():
    return [keras.Variable(np.zeros(2, "float32")), keras.Variable(np.zeros(1, "float32"))]


def adam(weights, **settings):
    """Keras's Adam after one step from zero."""
    optimizer = keras.optimizers.Adam(0.5, beta_1=0.9, beta_2=0.99, **settings)
    optimizer.build(weights)
    optimizer.apply([tf.constant(gradient) for gradient in GRADIENTS])
    return optimizer


def test_variable_index_is_the_place_in_build(weights):
    optimizer = adam(weights)
    assert [keras_internals.variable_index(optimizer, weight) for weight in weights] == [0, 1]


def test_first_moment_is_the_mean_of_gradients(weights):
    optimizer = adam(weights)
    for weight, gradient in zip(weights, GRADIENTS, strict=True):
        mean = keras_internals.first_moment(optimizer, weight)
        np.testing.assert_allclose(mean, 0.1 * gradient, rtol=1e-6)


def test_second_moment_is_the_mean_of_squared_gradients(weights):
    optimizer = adam(weights)
    for weight, gradient in zip(weights, GRADIENTS, strict=True):
        mean = keras_internals.second_moment(optimizer, weight)
        np.testing.assert_allclose(mean, 0.01 * gradient**2, rtol=1e-5)


def test_moving_average_follows_the_weights(weights):
    optimizer = adam(weights, use_ema=True, ema_momentum=0.75)
    first = [np.array(weight) for weight in weights]
    optimizer.apply([tf.constant(gradient) for gradient in GRADIENTS])
    for before, weight in zip(first, weights, strict=True):
        average = keras_internals.moving_average(optimizer, weight)
        np.testing.assert_allclose(average, 0.75 * before + 0.25 * np.asarray(weight), rtol=1e-5)


def test_update_step_is_called_for_each_weight_in_place_of_the_optimizers_own(weights):
    optimizer = keras.optimizers.SGD(0.5)
    optimizer.build(weights)
    calls = []
    keras_internals.replace_update_step(optimizer, lambda *arguments: calls.append(arguments))
    optimizer.apply([tf.constant(gradient) for gradient in GRADIENTS])
    for (gradient, variable, rate), expected, weight in zip(calls, GRADIENTS, weights, strict=True):
        np.testing.assert_array_equal(gradient, expected)
        assert variable is weight.value
        assert float(rate) == 0.5
    assert not any(np.asarray(weight).any() for weight in weights)


@pytest.mark.parametrize("disabled", [False, True])
def test_gradients_are_added_up_over_replicas_unless_that_is_disabled(
    weights, disabled, monkeypatch
):
    calls = []

    def all_reduce(self, operation, gradients, *arguments):
        calls.append(operation)
        return gradients

    monkeypatch.setattr(tf.distribute.ReplicaContext, "all_reduce", all_reduce)
    optimizer = keras.optimizers.SGD(0.5)
    if disabled:
        keras_internals.disable_gradient_reduction(optimizer)
    optimizer.build(weights)
    optimizer.apply([tf.constant(gradient) for gradient in GRADIENTS])
    assert calls == ([] if disabled else [tf.distribute.ReduceOp.SUM])
    np.testing.assert_array_equal(weights[1], -0.5 * GRADIENTS[1])


def test_an_optimizers_variable_is_given_the_layout_of_its_weight(monkeypatch):
    layout = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    weight = JaxVariable(np.zeros(2, "float32"), layout=layout)
    assert keras_internals.assigned_layout(weight) is layout
    optimizer, given = keras.optimizers.SGD(0.5), []
    monkeypatch.setattr(optimizer, "add_variable", lambda **settings: given.append(settings))
    optimizer.add_variable_from_reference(weight)
    assert given[0]["layout"] is layout


def test_a_weight_without_a_layout_has_none(weights):
    assert keras_internals.assigned_layout(weights[0]) is None
