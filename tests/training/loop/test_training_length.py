"""Training length: a number of steps, computed from the spec, or a time limit."""

from types import SimpleNamespace

import pytest

from archbuilder.training.loop.training_length import TrainingLength


class TenBatches:
    """Ten batches with a hundred tokens in total."""

    sampler = SimpleNamespace(num_tokens=lambda: 100)

    def __len__(self):
        return 10


def make_length(gradient_accumulation_steps=1, **fields):
    settings = dict.fromkeys(("steps", "epochs", "total_tokens", "minutes")) | fields
    batch = SimpleNamespace(gradient_accumulation_steps=gradient_accumulation_steps)
    return TrainingLength(SimpleNamespace(batch=batch, **settings), TenBatches())


@pytest.mark.parametrize(
    ("fields", "gradient_accumulation_steps", "steps"),
    [
        ({"steps": 7}, 1, 7),
        ({"epochs": 3}, 1, 30),
        ({"epochs": 0.5}, 2, 3),
        ({"total_tokens": 250}, 1, 25),
        ({"total_tokens": 201}, 2, 11),
    ],
)
def test_number_of_steps_is_computed(fields, gradient_accumulation_steps, steps):
    length = make_length(gradient_accumulation_steps, **fields)
    assert length.steps == steps
    assert not length.is_reached(steps - 1)
    assert length.is_reached(steps)
    assert length.seconds_left(steps - 2, 3.0) == 6.0


def test_run_ends_after_minutes_at_any_step():
    length = make_length(minutes=2)
    assert length.steps is None
    length.seconds = 119.0
    assert not length.is_reached(10**9)
    assert length.seconds_left(1, 5.0) == 1.0
    length.seconds = 120.0
    assert length.is_reached(1)
    assert str(length) == "2 minutes"
