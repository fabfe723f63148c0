"""Recipes: what cannot be trained with is refused when it is read."""

import pytest
from pydantic import ValidationError

from archbuilder.training.recipe import Training

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
