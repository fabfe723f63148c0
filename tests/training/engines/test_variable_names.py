"""Names of variables are stable across processes; checkpoints are assigned by name."""

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


def build_variables(folder, optimizer, policy="float32"):
    """Return a new model, its optimizer and their named variables."""
    spec = small_run.transformer(folder, optimizer=optimizer)
    experiment = load(small_run.write(spec, folder / "spec.yaml"))
    model = experiment.model_graph().training_graph()
    optimizer = with_loss_scaling(build_optimizer(experiment.training, model), policy, model)
    return model, optimizer, name_variables(model, optimizer)


@pytest.mark.parametrize("settings", OPTIMIZERS, ids=lambda settings: settings["type"])
def test_second_model_of_a_process_has_same_names(tmp_path, settings):
    model, optimizer, first = build_variables(tmp_path, settings)
    _, _, second = build_variables(tmp_path, settings)
    assert list(first) == list(second)
    assert [v.shape for v in first.values()] == [v.shape for v in second.values()]
    assert not any("~" in name for name in first)
    named_ids = {id(variable) for variable in first.values()}
    assert named_ids == {id(variable) for variable in (*model.variables, *optimizer.variables)}


def test_seed_has_name_of_its_layer(tmp_path):
    _, _, named = build_variables(tmp_path, {"type": "adam"})
    assert "encoder.layers.0.attention.residual_dropout/seed" in named
    assert "optimizer/iteration" in named
    assert "optimizer/encoder.layers.0.attention.query_kernel_momentum" in named


def test_loss_scaling_has_its_own_counter(tmp_path):
    _, _, named = build_variables(tmp_path, {"type": "adam"}, "mixed_float16")
    assert {"loss_scale/iteration", "loss_scale/dynamic_scale", "optimizer/iteration"} <= set(named)


def test_several_seeds_of_a_layer_are_numbered_in_order():
    class TwoSeeds(keras.layers.Layer):
        def __init__(self):
            super().__init__(name="two_seeds")
            self.seeds = [keras.random.SeedGenerator(seed) for seed in (1, 2)]

        def call(self, inputs):
            return inputs + sum(keras.random.normal((), seed=seed) for seed in self.seeds)

    inputs = keras.Input((2,))
    model = keras.Model(inputs, TwoSeeds()(inputs))
    optimizer = keras.optimizers.SGD()
    optimizer.build(model.trainable_variables)
    named = name_variables(model, optimizer)
    assert list(named)[:2] == ["two_seeds/seed", "two_seeds/seed~2"]
    assert int(np.asarray(named["two_seeds/seed~2"])[0]) == 2


ARRAYS = {"a/kernel": np.zeros((2, 3)), "a/bias": np.zeros(3)}


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ({"a/kernel": np.zeros((2, 3))}, "it lacks variable a/bias"),
        (ARRAYS | {"b/bias": np.zeros(3)}, "variable b/bias is not part of the model"),
        (ARRAYS | {"a/bias": np.zeros(4)}, r"a/bias has shape \(4,\), expected \(3,\)"),
    ],
)
def test_missing_unexpected_and_reshaped_variables_are_rejected_by_name(stored, message):
    with pytest.raises(UserError, match=f"does not match the model of this spec: {message}"):
        require_same_variables(ARRAYS, stored)


def test_order_of_variables_does_not_matter():
    require_same_variables(ARRAYS, dict(reversed(ARRAYS.items())))
