"""Updates of every optimizer against NumPy; `test_updates.py` runs the cases on each backend."""

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
"""Token ids of each step: an id occurs three times, two ids never occur."""
VARIANTS = [
    SGD(type="sgd", momentum=0.9, weight_decay=0.1),
    Muon(type="muon", weight_decay=0.1),
    ScheduleFreeAdamW(type="schedule_free_adamw", weight_decay=0.1),
]
SPECS = [variant(**minimal(variant)) for variant in classes(Optimizer)] + VARIANTS
each_optimizer = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.type)
STACK_ROLE = LayerRole(stack_matrix=True, distance_to_heads=1)
ROLES = {
    "embeddings.tokens": LayerRole("table", distance_to_heads=2),
    "encoder.layers.0.dense": STACK_ROLE,
    "encoder.layers.0.norm": STACK_ROLE.as_vectors(),
    "head": HEAD,
}

if not JAX:
    import tensorflow as tf


def make_recipe(spec, **changes):
    defaults = {
        "layerwise_learning_rate_decay": 1.0,
        "parameter_groups": (),
        "freeze": (),
        "weight_averaging": None,
    }
    return SimpleNamespace(optimizer=spec, **(defaults | changes))


def make_model():
    """Return a model with an embedding [5, 3], a dense layer [3, 4], a norm and a head."""
    ids = keras.Input((None,), dtype="int32")
    embedding = keras.layers.Embedding(5, 3, name="embeddings.tokens")
    dense = keras.layers.Dense(4, name="encoder.layers.0.dense")
    norm = keras.layers.LayerNormalization(name="encoder.layers.0.norm")
    head = keras.layers.Dense(2, name="head")
    for layer in (embedding, dense, norm, head):
        layer.role = ROLES[layer.name]
    model = keras.Model(ids, head(norm(dense(embedding(ids)))))
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))
    return model


def make_gradients(model):
    """Return the dense gradients of each weight, for each step."""
    rng = np.random.default_rng(1)
    return [
        [rng.normal(size=weight.shape).astype("float32") for weight in model.trainable_weights]
        for _ in RATES
    ]


def run_steps(model, optimizer, gradients, rates):
    """Update the model with compiled steps, as engines do."""
    step = _on_jax(optimizer) if JAX else _on_tensorflow(model, optimizer)
    for step_gradients, rate in zip(gradients, rates, strict=True):
        optimizer.learning_rate = rate
        step(model, step_gradients)


def _on_tensorflow(model, optimizer):
    apply = tf.function(lambda *grads: optimizer.apply(list(grads), model.trainable_variables))
    return lambda _, gradients: apply(*map(tf.constant, gradients))


def _on_jax(optimizer):
    import jax

    apply = jax.jit(optimizer.stateless_apply)

    def step(model, gradients):
        variables = [*model.trainable_variables, *optimizer.variables]
        weights = [weight.value for weight in model.trainable_variables]
        state = [variable.value for variable in optimizer.variables]
        weights, state = apply(state, gradients, weights)
        for variable, value in zip(variables, [*weights, *state], strict=True):
            variable.assign(value)

    return step


def to_arrays(variables):
    return [np.array(variable) for variable in variables]


def assert_equals_reference(model, spec, initial, gradients, recipe, **options):
    for index, weight in enumerate(model.trainable_weights):
        layer = weight.path.partition("/")[0]
        rule = update_rule(recipe, layer, ROLES[layer], weight.shape)
        expected = references.REFERENCES[spec.type](
            spec,
            initial[index].astype("float64"),
            [step_gradients[index].astype("float64") for step_gradients in gradients],
            [rate * rule.learning_rate_multiplier for rate in RATES],
            rule,
            ROLES[layer].stack_matrix,
            **options,
        )
        np.testing.assert_allclose(np.array(weight), expected, rtol=2e-5, atol=3e-6)


@each_optimizer
def test_updates_equal_reference_and_resume_bit_by_bit(spec):
    model, recipe = make_model(), make_recipe(spec)
    initial, gradients = to_arrays(model.trainable_weights), make_gradients(model)
    optimizer = build_optimizer(recipe, model)
    run_steps(model, optimizer, gradients[:2], RATES[:2])
    state = to_arrays([*model.trainable_variables, *optimizer.variables])
    run_steps(model, optimizer, gradients[2:], RATES[2:])
    assert_equals_reference(model, spec, initial, gradients, recipe)
    resumed = make_model()
    optimizer = build_optimizer(recipe, resumed)
    variables = [*resumed.trainable_variables, *optimizer.variables]
    for variable, value in zip(variables, state, strict=True):
        variable.assign(value)
    run_steps(resumed, optimizer, gradients[2:], RATES[2:])
    expected = to_arrays(model.trainable_variables)
    for weight, value in zip(resumed.trainable_variables, expected, strict=True):
        np.testing.assert_array_equal(np.array(weight), value)


@each_optimizer
def test_parameter_groups_and_layerwise_decay_scale_updates(spec):
    decay = {} if spec.type == "adam" else {"weight_decay": 0.3}
    groups = (
        ParameterGroup(layers="encoder.*", learning_rate_multiplier=0.5),
        ParameterGroup(layers="head", learning_rate_multiplier=2.0, **decay),
    )
    model = make_model()
    recipe = make_recipe(spec, parameter_groups=groups, layerwise_learning_rate_decay=0.9)
    initial, gradients = to_arrays(model.trainable_weights), make_gradients(model)
    run_steps(model, build_optimizer(recipe, model), gradients, RATES)
    rules = {
        weight.path: update_rule(recipe, layer.name, ROLES[layer.name], weight.shape)
        for layer in model.layers
        for weight in layer.weights
    }
    multipliers = {path: rule.learning_rate_multiplier for path, rule in rules.items()}
    assert multipliers["embeddings.tokens/embeddings"] == pytest.approx(0.9**2)
    assert multipliers["encoder.layers.0.dense/kernel"] == pytest.approx(0.9 * 0.5)
    assert multipliers["head/kernel"] == 2.0
    assert_equals_reference(model, spec, initial, gradients, recipe)


def test_frozen_layers_are_not_trained_and_have_no_optimizer_state():
    spec = AdamW(type="adamw", weight_decay=0.1)
    model = make_model()
    recipe = make_recipe(spec, freeze=("embeddings*", "encoder.layers.*.norm"))
    optimizer = build_optimizer(recipe, model)
    assert [weight.path for weight in model.trainable_weights] == [
        "encoder.layers.0.dense/kernel",
        "encoder.layers.0.dense/bias",
        "head/kernel",
        "head/bias",
    ]
    assert all(layer.trainable for layer in model.layers)
    assert not any("embeddings" in variable.path for variable in optimizer.variables)


def train_and_average(spec, **changes):
    """Train a model and assign its averages.

    Returns:
        The model, its recipe, initial weights, gradients, and the weights after each step.
    """
    model, recipe = make_model(), make_recipe(spec, **changes)
    initial, gradients = to_arrays(model.trainable_weights), make_gradients(model)
    optimizer = build_optimizer(recipe, model)
    history = []
    for step_gradients, rate in zip(gradients, RATES, strict=True):
        run_steps(model, optimizer, [step_gradients], [rate])
        history.append(to_arrays(model.trainable_weights))
    weights = model.trainable_variables
    averages = averages_of(optimizer, weights, to_arrays(weights))
    for weight, value in zip(weights, averages, strict=True):
        weight.assign(value)
    return model, recipe, initial, gradients, history


def test_average_of_schedule_free_adamw_equals_reference():
    spec = VARIANTS[-1]
    model, recipe, initial, gradients, _ = train_and_average(spec)
    assert_equals_reference(model, spec, initial, gradients, recipe, evaluated=True)


def test_exponential_moving_average_equals_its_formula():
    averaging = ExponentialMovingAverage(type="ema", momentum=0.75)
    model, _, _, _, history = train_and_average(SGD(type="sgd"), weight_averaging=averaging)
    for index, weight in enumerate(model.trainable_weights):
        expected = history[0][index]
        for weights in history[1:]:
            expected = 0.75 * expected + 0.25 * weights[index]
        np.testing.assert_allclose(np.array(weight), expected, rtol=1e-5, atol=1e-6)
