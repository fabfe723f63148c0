"""Recipes: what cannot be trained with is refused when it is read."""

import pytest
from pydantic import ValidationError

from archbuilder.experiment import Experiment
from archbuilder.language import SpecError, check, read
from archbuilder.training.recipe.recipe import Training
from tests import small_run

SOUND = {
    "steps": 1,
    "batch": {"tokens": 1},
    "optimizer": {"type": "adam"},
    "learning_rate": 1e-4,
}


def test_a_seed_is_what_every_random_generator_takes():
    assert Training(**SOUND, seed=2**32 - 1).seed == 2**32 - 1
    for seed in (2**32, -1):
        with pytest.raises(ValidationError, match="seed"):
            Training(**SOUND, seed=seed)


@pytest.mark.parametrize("written", [{}, {"steps": 1, "epochs": 1}])
def test_a_run_has_one_length(written):
    plain = {name: value for name, value in SOUND.items() if name != "steps"}
    with pytest.raises(
        ValidationError, match="write one of 'steps', 'epochs', 'total_tokens', 'minutes'"
    ):
        Training(**plain, **written)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"backend": "jax", "jit_compile": False}, "training.jit_compile: JAX compiles every step"),
        (
            {"distribution": {"type": "data_parallel"}},
            "training.distribution.type: data_parallel needs backend: jax, not tensorflow",
        ),
        (
            {"distribution": {"type": "mirrored"}, "jit_compile": True},
            "training.jit_compile: mirrored steps cannot be compiled",
        ),
        (
            {"backend": "jax", "distribution": {"type": "model_parallel", "shards": 3}},
            "training.distribution.shards: 3 shards do not divide hidden_dim 16",
        ),
        (
            {
                "backend": "jax",
                "distribution": {"type": "model_parallel", "shards": 2, "devices": 3},
            },
            "training.distribution.devices: 2 shards do not divide 3 devices",
        ),
        (
            {"steps": None, "minutes": 1},
            "training.minutes: the number of steps is not known, and a linear learning_rate needs",
        ),
        (
            {
                "optimizer": {"type": "schedule_free_adamw"},
                "weight_averaging": {"type": "ema"},
            },
            "training.weight_averaging: schedule_free_adamw keeps an average of its own",
        ),
        (
            {"monitor": "masked_accuracy"},
            "training.monitor: must be one of loss, masked_lm_loss, masked_lm_accuracy",
        ),
    ],
)
def test_what_cannot_be_is_refused_at_its_line(changes, sentence, tmp_path):
    spec = small_run.write(small_run.bert(tmp_path, **changes), tmp_path / "spec.yaml")
    with pytest.raises(SpecError) as found:
        check(read(spec), Experiment)
    (line,) = found.value.lines
    assert sentence in line


@pytest.mark.parametrize("field", [{"early_stopping": {"patience": 2}}, {"monitor": "loss"}])
def test_what_is_measured_needs_text_to_measure_on(field, tmp_path):
    plain = small_run.bert(tmp_path, **field)
    del plain["data"]["validation"]
    spec = small_run.write(plain, tmp_path / "spec.yaml")
    with pytest.raises(SpecError, match=r"nothing is measured: give data\.validation"):
        check(read(spec), Experiment)
