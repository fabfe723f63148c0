"""Periodic actions run at their period, at the last step and if their condition is true."""

import pytest

from archbuilder.training.loop.periodic import CompletedStep, PeriodicAction


def due_steps(action, steps):
    completed = [CompletedStep(step, {}, is_last=step == steps) for step in range(1, steps + 1)]
    return [step.number for step in completed if action.is_due(step)]


@pytest.mark.parametrize(("every", "expected"), [(1, [1, 2, 3, 4, 5, 6, 7]), (3, [3, 6, 7])])
def test_action_runs_at_its_period_and_at_last_step(every, expected):
    assert due_steps(PeriodicAction(every, run=lambda step: None), 7) == expected


def test_action_runs_if_condition_is_true():
    action = PeriodicAction(5, lambda step: None, condition=lambda step: step.number == 2)
    assert due_steps(action, 7) == [2, 5, 7]
