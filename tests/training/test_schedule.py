"""Learning rates at steps where they can be worked out by hand."""

import pytest
from pydantic import TypeAdapter

from archbuilder.training.schedule import Constant, InverseSquareRoot, Linear, Noam, Schedule


def test_a_plain_number_is_a_constant_rate():
    schedule = TypeAdapter(Schedule).validate_python(1e-4)
    assert schedule == Constant(type="constant", rate=1e-4)
    assert schedule.rate_at(17, 100, 8) == 1e-4


def test_linear_rises_to_its_peak_and_falls_towards_zero():
    schedule = Linear(type="linear", peak=1.0, warmup_steps=10)
    rates = [schedule.rate_at(step, 110, 8) for step in range(1, 111)]
    assert rates[0] == 0.1
    assert rates[9] == 1.0 == max(rates)
    assert rates[59] == pytest.approx(51 / 101)
    assert rates[-1] == pytest.approx(1 / 101)


def test_linear_without_a_warm_up_begins_at_its_peak():
    schedule = Linear(type="linear", peak=1.0)
    assert [schedule.rate_at(step, 4, 8) for step in (1, 2, 3, 4)] == [1, 3 / 4, 2 / 4, 1 / 4]
    assert schedule.rate_at(1, 1, 8) == 1.0


def test_linear_has_no_step_of_zero_and_no_jump_behind_its_peak():
    for warmup in (0, 1, 2, 9, 10):
        schedule = Linear(type="linear", peak=1.0, warmup_steps=warmup)
        rates = [schedule.rate_at(step, 10, 8) for step in range(1, 11)]
        top = max(warmup, 1) - 1
        assert rates[top] == 1.0
        falls = [
            before - after for before, after in zip(rates[top:], rates[top + 1 :], strict=False)
        ]
        assert all(fall == pytest.approx(rates[-1]) for fall in falls)


def test_noam_is_the_papers_formula():
    schedule = Noam(type="noam", warmup_steps=4000)
    assert schedule.rate_at(4000, 10**5, 512) == pytest.approx((512 * 4000) ** -0.5)
    assert schedule.rate_at(1000, 10**5, 512) == pytest.approx((512 * 4000) ** -0.5 / 4)
    assert schedule.rate_at(16000, 10**5, 512) == pytest.approx((512 * 4000) ** -0.5 / 2)


def test_inverse_square_root_is_noam_with_its_peak_written_out():
    noam = Noam(type="noam", warmup_steps=400)
    peak = noam.rate_at(400, 1, 64)
    other = InverseSquareRoot(type="inverse_square_root", peak=peak, warmup_steps=400)
    for step in (1, 100, 400, 1600):
        assert other.rate_at(step, 1, 64) == pytest.approx(noam.rate_at(step, 1, 64))
