"""A duty is due at its period, at the end, and where it says so."""

import pytest

from archbuilder.training.loop.periodic import CompletedStep, Periodic


def due_steps(duty, steps):
    results = [CompletedStep(step, {}, is_last=step == steps) for step in range(1, steps + 1)]
    return [result.number for result in results if duty.is_due(result)]


@pytest.mark.parametrize(("every", "expected"), [(1, [1, 2, 3, 4, 5, 6, 7]), (3, [3, 6, 7])])
def test_a_duty_is_due_at_its_period_and_at_the_last_step(every, expected):
    assert due_steps(Periodic(every, run=lambda step: None), 7) == expected


def test_a_duty_may_be_due_at_other_steps_too():
    assert due_steps(Periodic(5, lambda step: None, also=lambda step: step.number == 2), 7) == [
        2,
        5,
        7,
    ]
