"""Recipes: invalid combinations of settings are rejected when a spec is read."""

import pytest
from pydantic import ValidationError

from archbuilder.experiment import Experiment
from archbuilder.language import SpecError, read, validate_tree
from archbuilder.training.recipe.recipe import Training
from tests import small_run

VALID = {
    "steps": 1,
    "batch": {"tokens": 1},
    "optimizer": {"type": "adam"},
    "learning_rate": 1e-4,
}


def test_seed_is_an_unsigned_32_bit_integer():
    assert Training(**VALID, seed=2**32 - 1).seed == 2**32 - 1
    for seed in (2**32, -1):
        with pytest.raises(ValidationError, match="seed"):
            Training(**VALID, seed=seed)


@pytest.mark.parametrize("length", [{}, {"steps": 1, "epochs": 1}])
def test_recipe_sets_exactly_one_length(length):
    settings = {name: value for name, value in VALID.items() if name != "steps"}
    with pytest.raises(
        ValidationError, match="set exactly one of 'steps', 'epochs', 'total_tokens', 'minutes'"
    ):
        Training(**settings, **length)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"backend": "jax", "jit_compile": False},
            "training.jit_compile: must not be false: JAX compiles every step; remove it",
        ),
        (
            {"distribution": {"type": "data_parallel"}},
            "training.distribution.type: data_parallel requires backend: jax, not tensorflow",
        ),
        (
            {"distribution": {"type": "mirrored"}, "jit_compile": True},
            "training.jit_compile: must not be true: mirrored steps cannot be compiled; remove it",
        ),
        (
            {"backend": "jax", "distribution": {"type": "model_parallel", "shards": 3}},
            "training.distribution.shards: 3 must divide hidden_dim (16)",
        ),
        (
            {
                "backend": "jax",
                "distribution": {"type": "model_parallel", "shards": 2, "devices": 3},
            },
            "training.distribution.devices: 3 must be a multiple of shards (2)",
        ),
        (
            {"steps": None, "minutes": 1},
            "training.minutes: gives no number of steps, which learning_rate linear needs; use ",
        ),
        (
            {
                "optimizer": {"type": "schedule_free_adamw"},
                "weight_averaging": {"type": "ema"},
            },
            "training.weight_averaging: schedule_free_adamw averages the weights itself; remove",
        ),
        (
            {"monitor": "masked_accuracy"},
            "training.monitor: must be one of loss, masked_lm_loss, masked_lm_accuracy",
        ),
    ],
)
def test_invalid_combination_is_rejected_at_its_line(changes, message, tmp_path):
    spec = small_run.write(small_run.bert(tmp_path, **changes), tmp_path / "spec.yaml")
    with pytest.raises(SpecError) as error:
        validate_tree(read(spec), Experiment)
    (line,) = error.value.lines
    assert message in line


@pytest.mark.parametrize("field", [{"early_stopping": {"patience": 2}}, {"monitor": "loss"}])
def test_evaluation_settings_require_validation_data(field, tmp_path):
    settings = small_run.bert(tmp_path, **field)
    del settings["data"]["validation"]
    spec = small_run.write(settings, tmp_path / "spec.yaml")
    with pytest.raises(SpecError, match=r"needs data\.validation, which is missing"):
        validate_tree(read(spec), Experiment)
