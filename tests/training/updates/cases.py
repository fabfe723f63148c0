"""Steps of every optimizer against numpy; `test_updates.py` runs this on each engine."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from archbuilder.network.layer_role import HEAD, LayerRole
from archbuilder.training.engines.engine import averages_of
from archbuilder.training.recipe.optimizer import SGD, AdamW, Muon, Optimizer, ScheduleFreeAdamW
from archbuilder.training.recipe.parameter_groups import (
    ParameterGroup,
    build_optimizer,
    update_rule,
)
from archbuilder.training.recipe.weight_averaging import ExponentialMovingAverage
from tests.training.updates import references
from tests.variants import classes, minimal

JAX = keras.config.backend() == "jax"
RATES = [0.1, 0.05, 0.2, 0.1]
IDS = [1, 3, 1, 4, 1]
"""What is looked up at each step: one row three times, two not at all."""
OTHERS = [
    SGD(type="sgd", momentum=0.9, weight_decay=0.1),
    Muon(type="muon", weight_decay=0.1),
    ScheduleFreeAdamW(type="schedule_free_adamw", weight_decay=0.1),
]
SPECS = [variant(**minimal(variant)) for variant in classes(Optimizer)] + OTHERS
every = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.type)
INSIDE = LayerRole(stack_matrix=True, distance_to_heads=1)
ROLES = {
    "embeddings.tokens": LayerRole("table", distance_to_heads=2),
    "encoder.layers.0.dense": INSIDE,
    "encoder.layers.0.norm": INSIDE.as_vectors(),
    "head": HEAD,
}

if not JAX:
    import tensorflow as tf


def recipe(spec, **changes):
    plain = {
        "layerwise_learning_rate_decay": 1.0,
        "parameter_groups": (),
        "freeze": (),
        "weight_averaging": None,
    }
    return SimpleNamespace(optimizer=spec, **(plain | changes))


def model():
    """A table of 5 x 3, a matrix of 3 x 4 with its bias, a norm, and a head."""
    ids = keras.Input((None,), dtype="int32")
    table = keras.layers.Embedding(5, 3, name="embeddings.tokens")
    inside = keras.layers.Dense(4, name="encoder.layers.0.dense")
    norm = keras.layers.LayerNormalization(name="encoder.layers.0.norm")
    head = keras.layers.Dense(2, name="head")
    for layer in (table, inside, norm, head):
        layer.role = ROLES[layer.name]
    found = keras.Model(ids, head(norm(inside(table(ids)))))
    random = np.random.default_rng(0)
    for weight in found.weights:
        weight.assign(random.normal(size=weight.shape))
    return found


def gradients(one):
    """Gradients of each step, dense; the table's are sums over the ids' rows."""
    random = np.random.default_rng(1)
    return [
        [random.normal(size=weight.shape).astype("float32") for weight in one.trainable_weights]
        for _ in RATES
    ]


def take(one, optimizer, found, rates):
    """The steps as engines take them, compiled."""
    step = _on_jax(optimizer) if JAX else _on_tensorflow(one, optimizer)
    for whole, rate in zip(found, rates, strict=True):
        optimizer.learning_rate = rate
        step(one, whole)


def _on_tensorflow(one, optimizer):
    apply = tf.function(lambda *whole: optimizer.apply(list(whole), one.trainable_variables))
    return lambda _, whole: apply(*map(tf.constant, whole))


def _on_jax(optimizer):
    import jax

    apply = jax.jit(optimizer.stateless_apply)

    def step(one, whole):
        variables = [*one.trainable_variables, *optimizer.variables]
        weights = [weight.value for weight in one.trainable_variables]
        state = [variable.value for variable in optimizer.variables]
        weights, state = apply(state, whole, weights)
        for variable, value in zip(variables, [*weights, *state], strict=True):
            variable.assign(value)

    return step


def arrays(variables):
    return [np.array(variable) for variable in variables]


def assert_as_the_papers(one, spec, begin, found, plain, **options):
    for place, weight in enumerate(one.trainable_weights):
        layer = weight.path.partition("/")[0]
        treated = update_rule(plain, layer, ROLES[layer], weight.shape)
        wanted = references.OF[spec.type](
            spec,
            begin[place].astype("float64"),
            [whole[place].astype("float64") for whole in found],
            [rate * treated.rate_scale for rate in RATES],
            treated,
            ROLES[layer].stack_matrix,
            **options,
        )
        np.testing.assert_allclose(np.array(weight), wanted, rtol=2e-5, atol=3e-6)


@every
def test_steps_are_the_papers_and_go_on_bit_by_bit(spec):
    one, plain = model(), recipe(spec)
    begin, found = arrays(one.trainable_weights), gradients(one)
    optimizer = build_optimizer(plain, one)
    take(one, optimizer, found[:2], RATES[:2])
    kept = arrays([*one.trainable_variables, *optimizer.variables])
    take(one, optimizer, found[2:], RATES[2:])
    assert_as_the_papers(one, spec, begin, found, plain)
    wanted = arrays(one.trainable_variables)
    again = model()
    optimizer = build_optimizer(plain, again)
    variables = [*again.trainable_variables, *optimizer.variables]
    for variable, value in zip(variables, kept, strict=True):
        variable.assign(value)
    take(again, optimizer, found[2:], RATES[2:])
    for weight, value in zip(again.trainable_variables, wanted, strict=True):
        np.testing.assert_array_equal(np.array(weight), value)


@every
def test_groups_and_depth_change_steps_as_they_say(spec):
    decay = {} if spec.type == "adam" else {"weight_decay": 0.3}
    groups = (
        ParameterGroup(layers="encoder.*", learning_rate_multiplier=0.5),
        ParameterGroup(layers="head", learning_rate_multiplier=2.0, **decay),
    )
    one, plain = model(), recipe(spec, parameter_groups=groups, layerwise_learning_rate_decay=0.9)
    begin, found = arrays(one.trainable_weights), gradients(one)
    take(one, build_optimizer(plain, one), found, RATES)
    scales = {
        weight.path: update_rule(plain, layer.name, ROLES[layer.name], weight.shape).rate_scale
        for layer in one.layers
        for weight in layer.weights
    }
    assert scales["embeddings.tokens/embeddings"] == pytest.approx(0.9**2)
    assert scales["encoder.layers.0.dense/kernel"] == pytest.approx(0.9 * 0.5)
    assert scales["head/kernel"] == 2.0
    assert_as_the_papers(one, spec, begin, found, plain)


def test_what_is_frozen_stays_and_has_no_state():
    spec = AdamW(type="adamw", weight_decay=0.1)
    one = model()
    plain = recipe(spec, freeze=("embeddings*", "encoder.layers.*.norm"))
    optimizer = build_optimizer(plain, one)
    assert [weight.path for weight in one.trainable_weights] == [
        "encoder.layers.0.dense/kernel",
        "encoder.layers.0.dense/bias",
        "head/kernel",
        "head/bias",
    ]
    assert all(layer.trainable for layer in one.layers)
    assert not any("embeddings" in variable.path for variable in optimizer.variables)


def averaged(spec, **changes):
    """The model after its steps, with the average in place of its weights; and how it began."""
    one, plain = model(), recipe(spec, **changes)
    begin, found = arrays(one.trainable_weights), gradients(one)
    optimizer = build_optimizer(plain, one)
    path = []
    for whole, rate in zip(found, RATES, strict=True):
        take(one, optimizer, [whole], [rate])
        path.append(arrays(one.trainable_weights))
    weights = one.trainable_variables
    for weight, value in zip(
        weights, averages_of(optimizer, weights, arrays(weights)), strict=True
    ):
        weight.assign(value)
    return one, plain, begin, found, path


def test_schedule_free_is_measured_with_its_average():
    spec = OTHERS[-1]
    one, plain, begin, found, _ = averaged(spec)
    assert_as_the_papers(one, spec, begin, found, plain, evaluated=True)


def test_a_moving_average_follows_the_weights():
    average = ExponentialMovingAverage(type="ema", momentum=0.75)
    one, _, _, _, path = averaged(SGD(type="sgd"), weight_averaging=average)
    for place, weight in enumerate(one.trainable_weights):
        wanted = path[0][place]
        for step in path[1:]:
            wanted = 0.75 * wanted + 0.25 * step[place]
        np.testing.assert_allclose(np.array(weight), wanted, rtol=1e-5, atol=1e-6)
