"""Test cases of every engine; `test_engines.py` runs them in a separate process for each engine.

A process has a single engine, and the number of its devices is fixed when it starts.
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
from tests.training.engines.steps import RATE, WEIGHTS, concatenate_batches, make_batch
from tests.variants import tiny

JAX = keras.config.backend() == "jax"
DISTRIBUTIONS = {
    "mirrored": Mirrored(type="mirrored", devices=2),
    "data_parallel": DataParallel(type="data_parallel", devices=4),
    "model_parallel": ModelParallel(type="model_parallel", devices=4, shards=2),
}
NAMES = [
    pytest.param(name, marks=pytest.mark.slow) if JAX else name
    for name, distribution in DISTRIBUTIONS.items()
    if (distribution.backend == "jax") == JAX
]
"""Names of the distributions; JAX compiles a step for several devices for a minute."""
DROPOUT = 0.3 if JAX else 0.0
"""Dropout rate; mirrored devices have different dropout masks than a single device."""

if JAX:
    import jax

    jax.config.update("jax_num_cpu_devices", 4)
else:
    import tensorflow as tf

    halves = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], halves)


@cache
def build_engine(name=None, optimizer="adamw"):
    """Return the engine of a small Transformer, the padder of its batches and a snapshot."""
    spec = tiny(decoder=True)
    spec["model"]["embeddings"]["dropout"] = DROPOUT
    for stack in ("encoder", "decoder"):
        spec["model"][stack] |= {"num_layers": 1, "dropout": DROPOUT}
        spec["model"][stack]["attention"]["dropout"] = DROPOUT
    spec["training"] = small_run.training() | {
        "backend": keras.config.backend(),
        "weight_averaging": {"type": "ema", "momentum": 0.9},
    }
    spec["training"]["optimizer"] = {"type": optimizer, "weight_decay": 0.01}
    experiment = Experiment.model_validate(spec)
    recipe = experiment.training.model_copy(update={"distribution": DISTRIBUTIONS.get(name)})
    devices = open_devices(recipe)
    keras.utils.set_random_seed(0)
    with devices.scope():
        model = experiment.build()
        optimizer = build_optimizer(recipe, model)
    engine = devices.engine(model, loss_terms(experiment.objectives), optimizer, 0.5, JAX)
    pad = BatchPadder(BatchSize(48, None), devices.replicas, compiled=JAX)
    return engine, pad, engine.snapshot()


def new_engine(name=None, optimizer="adamw"):
    """Return the engine in its initial state, and the padder of its batches."""
    engine, pad, initial_state = build_engine(name, optimizer)
    engine.restore(initial_state)
    return engine, pad


def run_step(engine, pad, batches, rate=RATE):
    sums = engine.train([pad(batch) for batch in batches], rate, WEIGHTS)
    return metrics_from_sums(engine.terms, sums, WEIGHTS)


def micro_batches(number):
    return [make_batch(3, 8, seed=10 * number + index) for index in range(2)]


@pytest.mark.parametrize("name", NAMES)
def test_several_devices_take_same_steps_as_single_device(name):
    (single, pad), (distributed, pad_rows) = new_engine(), new_engine(name)
    assert distributed.model is not single.model
    for number in range(5):
        expected = run_step(single, pad, micro_batches(number))
        metrics = run_step(distributed, pad_rows, micro_batches(number))
        assert expected["loss"] == pytest.approx(metrics["loss"], rel=1e-5)
        assert single.gradient_norm == pytest.approx(distributed.gradient_norm, rel=1e-4)
    batch, key = make_batch(3, 8, seed=0), "sequence_to_sequence"
    expected, sums = single.measure(pad(batch)), distributed.measure(pad_rows(batch))
    assert expected[key] == pytest.approx(sums[key], rel=1e-5)


@pytest.mark.parametrize("name", [None, *NAMES])
def test_restored_snapshot_continues_bit_by_bit(name):
    engine, pad = new_engine(name)
    run_step(engine, pad, micro_batches(0))
    snapshot = engine.snapshot()
    losses = [run_step(engine, pad, micro_batches(number)) for number in (1, 2)]
    expected = engine.snapshot()
    engine.restore(snapshot)
    assert [run_step(engine, pad, micro_batches(number)) for number in (1, 2)] == losses
    for variable, array in engine.snapshot().items():
        np.testing.assert_array_equal(array, expected[variable])


def test_evaluation_is_reproducible_and_changes_no_variable():
    engine, pad = new_engine()
    before = engine.snapshot()
    first, second = (engine.measure(pad(make_batch(3, 8, seed=0))) for _ in range(2))
    assert first == second
    for variable, array in engine.snapshot().items():
        np.testing.assert_array_equal(before[variable], array)


def test_loss_of_single_batch_decreases():
    engine, pad = new_engine()
    losses = [run_step(engine, pad, [make_batch(3, 8, seed=0)])["loss"] for _ in range(100)]
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("name", [None, *NAMES])
def test_averaged_weights_are_evaluated_and_weights_are_restored(name):
    engine, pad = new_engine(name)
    run_step(engine, pad, micro_batches(0))
    run_step(engine, pad, micro_batches(1))
    before = engine.snapshot()
    of_weights = engine.measure(pad(make_batch(3, 8, seed=0)))
    with engine.averaged():
        of_averages = engine.measure(pad(make_batch(3, 8, seed=0)))
    assert of_averages != of_weights
    assert engine.measure(pad(make_batch(3, 8, seed=0))) == of_weights
    for variable, array in engine.snapshot().items():
        np.testing.assert_array_equal(before[variable], array)


if JAX:

    def test_model_parallel_devices_hold_shards_of_matrices():
        engine, _ = new_engine("model_parallel")
        shapes = {
            variable.path: variable.value.addressable_shards[0].data.shape
            for variable in engine.model.trainable_variables
        }
        layer = "encoder.layers.0"
        assert shapes[f"{layer}.attention.query/kernel"] == (8, 4)
        assert shapes[f"{layer}.attention.output/kernel"] == (4, 8)
        assert shapes[f"{layer}.attention.norm/gamma"] == (8,)
        assert shapes["embeddings.tokens/embeddings"] == (23, 4)

else:  # Without dropout, whose masks depend on the shape of a batch.

    def run_twenty_steps(optimizer, accumulates):
        """Return losses and final weights of steps on four batches each, or on a large batch."""
        engine, pad = new_engine(optimizer=optimizer)
        losses = []
        for number in range(20):
            batches = [
                make_batch(2, 3 + index + number % 5, seed=10 * number + index)
                for index in range(4)
            ]
            if not accumulates:
                batches = [concatenate_batches(batches)]
            losses.append(run_step(engine, pad, batches, RATE * (20 - number) / 20)["loss"])
        return losses, [np.array(weight) for weight in engine.model.trainable_variables]

    def test_gradient_accumulation_equals_large_batch():
        expected, _ = run_twenty_steps("adamw", accumulates=False)
        losses, _ = run_twenty_steps("adamw", accumulates=True)
        assert losses == pytest.approx(expected, rel=1e-5)
        _, expected = run_twenty_steps("sgd", accumulates=False)
        _, weights = run_twenty_steps("sgd", accumulates=True)
        for weight, expected_weight in zip(weights, expected, strict=True):
            np.testing.assert_allclose(weight, expected_weight, rtol=0, atol=1e-6)
