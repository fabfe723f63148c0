"""What holds for every engine; `test_engines.py` runs this once for each, in a process of its own.

A process has one engine, and the number of its devices is settled when it begins.
"""

from functools import cache

import keras
import numpy as np
import pytest

from archbuilder.batches.batch_sampler import BatchSize
from archbuilder.batches.padding import BatchPadder
from archbuilder.experiment import Experiment
from archbuilder.objectives import loss_terms, metrics_from_sums
from archbuilder.training.engines import open_devices
from archbuilder.training.recipe.distribution import DataParallel, Mirrored, ModelParallel
from archbuilder.training.recipe.parameter_groups import build_optimizer
from tests import small_run
from tests.training.engines.steps import RATE, WEIGHTS, batch, joined
from tests.variants import tiny

JAX = keras.config.backend() == "jax"
MANY = {
    "mirrored": Mirrored(type="mirrored", devices=2),
    "data_parallel": DataParallel(type="data_parallel", devices=4),
    "model_parallel": ModelParallel(type="model_parallel", devices=4, shards=2),
}
WAYS = [name for name, way in MANY.items() if (way.backend == "jax") == JAX]
SLOW_WAYS = [pytest.param(way, marks=pytest.mark.slow) if JAX else way for way in WAYS]
"""JAX compiles a step for several devices for a minute."""
DROPOUT = 0.3 if JAX else 0.0
"""Mirrored devices draw each for itself."""

if JAX:
    import jax

    jax.config.update("jax_num_cpu_devices", 4)
else:
    import tensorflow as tf

    halves = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], halves)


@cache
def engine(way=None, optimizer="adamw"):
    """A small Transformer, its engine and what pads its batches."""
    spec = tiny(decoder=True)
    spec["model"]["embeddings"]["dropout"] = DROPOUT
    for side in ("encoder", "decoder"):
        spec["model"][side] |= {"num_layers": 1, "dropout": DROPOUT}
        spec["model"][side]["attention"]["dropout"] = DROPOUT
    average = {"type": "ema", "momentum": 0.9}
    spec["training"] = small_run.training() | {
        "backend": keras.config.backend(),
        "weight_averaging": average,
    }
    spec["training"]["optimizer"] = {"type": optimizer, "weight_decay": 0.01}
    experiment = Experiment.model_validate(spec)
    recipe = experiment.training.model_copy(update={"distribution": MANY.get(way)})
    devices = open_devices(recipe)
    keras.utils.set_random_seed(0)
    with devices.scope():
        model = experiment.build()
        optimizer = build_optimizer(recipe, model)
    found = devices.engine(model, loss_terms(experiment.objectives), optimizer, 0.5, JAX)
    begin = found.snapshot()
    return found, BatchPadder(BatchSize(48, None), devices.replicas, compiled=JAX), begin


def fresh(way=None, optimizer="adamw"):
    """The engine as it began."""
    one, shapes, begin = engine(way, optimizer)
    one.restore(begin)
    return one, shapes


def step(one, shapes, batches, rate=RATE):
    sums = one.train([shapes(batch) for batch in batches], rate, WEIGHTS)
    return metrics_from_sums(one.terms, sums, WEIGHTS)


def ragged(number):
    return [batch(3, 8, 10 * number + place) for place in range(2)]


@pytest.mark.parametrize("way", SLOW_WAYS)
def test_many_devices_take_the_steps_of_one(way):
    one, many = fresh(), fresh(way)
    assert many[0].model is not one[0].model
    for number in range(5):
        first, second = step(*one, ragged(number)), step(*many, ragged(number))
        assert first["loss"] == pytest.approx(second["loss"], rel=1e-5)
        assert one[0].gradient_norm == pytest.approx(many[0].gradient_norm, rel=1e-4)
    first, second = (found[0].measure(found[1](batch(3, 8, 0))) for found in (one, many))
    assert first["sequence_to_sequence"] == pytest.approx(second["sequence_to_sequence"], rel=1e-5)


@pytest.mark.parametrize("way", [None, *SLOW_WAYS])
def test_a_snapshot_goes_on_exactly(way):
    one, shapes = fresh(way)
    step(one, shapes, ragged(0))
    kept = one.snapshot()
    losses = [step(one, shapes, ragged(number)) for number in (1, 2)]
    end = one.snapshot()
    one.restore(kept)
    assert [step(one, shapes, ragged(number)) for number in (1, 2)] == losses
    for name, array in one.snapshot().items():
        np.testing.assert_array_equal(array, end[name])


def test_measuring_changes_nothing_and_repeats_exactly():
    one, shapes = fresh()
    before = one.snapshot()
    first, second = (one.measure(shapes(batch(3, 8, 0))) for _ in range(2))
    assert first == second
    for name, array in one.snapshot().items():
        np.testing.assert_array_equal(before[name], array)


def test_one_batch_is_learned():
    one, shapes = fresh()
    losses = [step(one, shapes, [batch(3, 8, 0)])["loss"] for _ in range(100)]
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("way", [None, *SLOW_WAYS])
def test_what_is_measured_is_the_average_and_steps_go_on_from_the_weights(way):
    one, shapes = fresh(way)
    step(one, shapes, ragged(0))
    step(one, shapes, ragged(1))
    before = one.snapshot()
    plain = one.measure(shapes(batch(3, 8, 0)))
    with one.averaged():
        averaged = one.measure(shapes(batch(3, 8, 0)))
    assert averaged != plain
    assert one.measure(shapes(batch(3, 8, 0))) == plain
    for name, array in one.snapshot().items():
        np.testing.assert_array_equal(before[name], array)


if JAX:

    def test_shards_hold_a_part_of_each_matrix():
        one, _ = fresh("model_parallel")
        parts = {
            variable.path: variable.value.addressable_shards[0].data.shape
            for variable in one.model.trainable_variables
        }
        layer = "encoder.layers.0"
        assert parts[f"{layer}.attention.query/kernel"] == (8, 4)
        assert parts[f"{layer}.attention.output/kernel"] == (4, 8)
        assert parts[f"{layer}.attention.norm/gamma"] == (8,)
        assert parts["embeddings.tokens/embeddings"] == (23, 4)

else:  # Where nothing is dropped, whatever the shape of a batch.

    def twenty_steps(optimizer, joins):
        """The losses and final weights of steps on four batches each, or on these joined."""
        one, shapes = fresh(optimizer=optimizer)
        losses = []
        for number in range(20):
            parts = [batch(2, 3 + place + number % 5, 10 * number + place) for place in range(4)]
            rate = RATE * (20 - number) / 20
            losses.append(step(one, shapes, [joined(parts)] if joins else parts, rate)["loss"])
        return losses, [np.array(weight) for weight in one.model.trainable_variables]

    def test_accumulated_batches_are_the_large_batch():
        expected, _ = twenty_steps("adamw", joins=True)
        assert twenty_steps("adamw", joins=False)[0] == pytest.approx(expected, rel=1e-5)
        _, weights = twenty_steps("sgd", joins=True)
        for weight, other in zip(weights, twenty_steps("sgd", joins=False)[1], strict=True):
            np.testing.assert_allclose(weight, other, rtol=0, atol=1e-6)
