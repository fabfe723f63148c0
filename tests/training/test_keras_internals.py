"""Private attributes of Keras that are used exist and behave as expected."""

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


def step_with_adam(weights, **settings):
    """Return Keras's Adam after a step from zero."""
    optimizer = keras.optimizers.Adam(0.5, beta_1=0.9, beta_2=0.99, **settings)
    optimizer.build(weights)
    optimizer.apply([tf.constant(gradient) for gradient in GRADIENTS])
    return optimizer


def test_variable_index_is_position_in_build(weights):
    optimizer = step_with_adam(weights)
    assert [keras_internals.variable_index(optimizer, weight) for weight in weights] == [0, 1]


def test_first_moment_is_mean_of_gradients(weights):
    optimizer = step_with_adam(weights)
    for weight, gradient in zip(weights, GRADIENTS, strict=True):
        mean = keras_internals.first_moment(optimizer, weight)
        np.testing.assert_allclose(mean, 0.1 * gradient, rtol=1e-6)


def test_second_moment_is_mean_of_squared_gradients(weights):
    optimizer = step_with_adam(weights)
    for weight, gradient in zip(weights, GRADIENTS, strict=True):
        mean = keras_internals.second_moment(optimizer, weight)
        np.testing.assert_allclose(mean, 0.01 * gradient**2, rtol=1e-5)


def test_moving_average_is_updated_with_momentum(weights):
    optimizer = step_with_adam(weights, use_ema=True, ema_momentum=0.75)
    first = [np.array(weight) for weight in weights]
    optimizer.apply([tf.constant(gradient) for gradient in GRADIENTS])
    for before, weight in zip(first, weights, strict=True):
        average = keras_internals.moving_average(optimizer, weight)
        np.testing.assert_allclose(average, 0.75 * before + 0.25 * np.asarray(weight), rtol=1e-5)


def test_replaced_update_step_is_called_for_each_weight(weights):
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
def test_gradients_are_summed_over_replicas_unless_disabled(weights, disabled, monkeypatch):
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


def test_optimizer_variable_gets_layout_of_its_weight(monkeypatch):
    layout = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    weight = JaxVariable(np.zeros(2, "float32"), layout=layout)
    assert keras_internals.assigned_layout(weight) is layout
    optimizer, calls = keras.optimizers.SGD(0.5), []
    monkeypatch.setattr(optimizer, "add_variable", lambda **settings: calls.append(settings))
    optimizer.add_variable_from_reference(weight)
    assert calls[0]["layout"] is layout


def test_weight_without_layout_has_no_assigned_layout(weights):
    assert keras_internals.assigned_layout(weights[0]) is None
