"""Variables have the same names in each process, and a checkpoint is assigned by name."""

import keras
import numpy as np
import pytest

from archbuilder import UserError, load
from archbuilder.training.engines.variable_names import name_variables, require_same_variables
from archbuilder.training.recipe.parameter_groups import build_optimizer
from archbuilder.training.recipe.precision import with_loss_scaling
from tests import small_run

OPTIMIZERS = [
    {"type": "sgd", "momentum": 0.9},
    {"type": "adam"},
    {"type": "adamw", "weight_decay": 0.1},
    {"type": "adafactor"},
    {"type": "lamb", "weight_decay": 0.1},
    {"type": "lion", "weight_decay": 0.1},
    {"type": "muon", "weight_decay": 0.1},
    {"type": "schedule_free_adamw", "weight_decay": 0.1},
]


def variables(folder, optimizer, policy="float32"):
    """The named variables of a new model, which Keras numbers on from those before."""
    spec = small_run.transformer(folder, optimizer=optimizer)
    experiment = load(small_run.write(spec, folder / "spec.yaml"))
    model = experiment.model_graph().training_graph()
    scaled = with_loss_scaling(build_optimizer(experiment.training, model), policy, model)
    return model, scaled, name_variables(model, scaled)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda one: one["type"])
def test_a_second_model_has_the_names_of_the_first(tmp_path, optimizer):
    model, scaled, first = variables(tmp_path, optimizer)
    _, _, second = variables(tmp_path, optimizer)
    assert list(first) == list(second)
    shapes = [[variable.shape for variable in one.values()] for one in (first, second)]
    assert shapes[0] == shapes[1]
    assert not any("~" in name for name in first)
    named = {id(variable) for variable in first.values()}
    assert named == {id(variable) for variable in (*model.variables, *scaled.variables)}


def test_seeds_are_named_by_their_layer(tmp_path):
    _, _, named = variables(tmp_path, {"type": "adam"})
    assert "encoder.layers.0.attention.residual_dropout/seed" in named
    assert "optimizer/iteration" in named
    assert "optimizer/encoder.layers.0.attention.query_kernel_momentum" in named


def test_loss_scaling_has_a_counter_of_its_own(tmp_path):
    _, _, named = variables(tmp_path, {"type": "adam"}, "mixed_float16")
    assert {"loss_scale/iteration", "loss_scale/dynamic_scale", "optimizer/iteration"} <= set(named)


def test_several_seeds_of_a_layer_are_told_apart_by_their_order():
    class Twice(keras.layers.Layer):
        def __init__(self):
            super().__init__(name="twice")
            self.seeds = [keras.random.SeedGenerator(seed) for seed in (1, 2)]

        def call(self, inputs):
            return inputs + sum(keras.random.normal((), seed=seed) for seed in self.seeds)

    inputs = keras.Input((2,))
    model = keras.Model(inputs, Twice()(inputs))
    optimizer = keras.optimizers.SGD()
    optimizer.build(model.trainable_variables)
    named = name_variables(model, optimizer)
    assert list(named)[:2] == ["twice/seed", "twice/seed~2"]
    assert int(np.asarray(named["twice/seed~2"])[0]) == 2


ARRAYS = {"a/kernel": np.zeros((2, 3)), "a/bias": np.zeros(3)}


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ({"a/kernel": np.zeros((2, 3))}, "it has no variable a/bias"),
        (ARRAYS | {"b/bias": np.zeros(3)}, "its variable b/bias is not in the model"),
        (ARRAYS | {"a/bias": np.zeros(4)}, r"a/bias has shape \(4,\) there and \(3,\) here"),
    ],
)
def test_missing_extra_and_reshaped_variables_are_named(stored, message):
    with pytest.raises(UserError, match=f"do not fit this spec's model: {message}"):
        require_same_variables(ARRAYS, stored)


def test_the_order_of_variables_does_not_matter():
    require_same_variables(ARRAYS, dict(reversed(ARRAYS.items())))
