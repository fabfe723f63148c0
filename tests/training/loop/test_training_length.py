"""However a run's length is written, it is a number of steps, or of seconds."""

from types import SimpleNamespace

import pytest

from archbuilder.training.loop.training_length import TrainingLength


class TenBatches:
    """Ten batches of a hundred tokens in all."""

    order = SimpleNamespace(tokens=lambda: 100)

    def __len__(self):
        return 10


def length(gradient_accumulation_steps=1, **written):
    plain = dict.fromkeys(("steps", "epochs", "total_tokens", "minutes")) | written
    batch = SimpleNamespace(gradient_accumulation_steps=gradient_accumulation_steps)
    return TrainingLength(SimpleNamespace(batch=batch, **plain), TenBatches())


@pytest.mark.parametrize(
    ("written", "gradient_accumulation_steps", "steps"),
    [
        ({"steps": 7}, 1, 7),
        ({"epochs": 3}, 1, 30),
        ({"epochs": 0.5}, 2, 3),
        ({"total_tokens": 250}, 1, 25),
        ({"total_tokens": 201}, 2, 11),
    ],
)
def test_steps_are_counted_from_what_is_written(written, gradient_accumulation_steps, steps):
    one = length(gradient_accumulation_steps, **written)
    assert one.steps == steps
    assert not one.is_reached(steps - 1)
    assert one.is_reached(steps)
    assert one.seconds_left(steps - 2, 3.0) == 6.0


def test_minutes_end_a_run_whatever_its_step():
    one = length(minutes=2)
    assert one.steps is None
    one.seconds = 119.0
    assert not one.is_reached(10**9)
    assert one.seconds_left(1, 5.0) == 1.0
    one.seconds = 120.0
    assert one.is_reached(1)
    assert str(one) == "2 minutes"
