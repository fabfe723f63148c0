"""Learning rates at steps where they can be worked out by hand."""

import pytest
from pydantic import TypeAdapter

from archbuilder.training.recipe.schedule import (
    Constant,
    Cosine,
    InverseSquareRoot,
    Linear,
    Noam,
    Schedule,
    WarmupStableDecay,
)
from tests.variants import classes, minimal


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


def test_cosine_is_at_half_its_height_half_way_and_never_below_its_end():
    schedule = Cosine(type="cosine", peak=1.0, end=0.2, warmup_steps=10)
    rates = [schedule.rate_at(step, 108, 8) for step in range(1, 109)]
    assert rates[9] == 1.0 == max(rates)
    assert rates[9 + 99 // 2 + 1] == pytest.approx(0.6, abs=0.02)
    assert 0.2 < rates[-1] < 0.21
    assert rates[9:] == sorted(rates[9:], reverse=True)


def test_warmup_stable_decay_has_three_parts():
    schedule = WarmupStableDecay(
        type="warmup_stable_decay", peak=1.0, warmup_steps=4, decay_steps=3, end=0.2
    )
    rates = [schedule.rate_at(step, 10, 8) for step in range(1, 11)]
    assert rates == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1, 1, 0.8, 0.6, 0.4])


def test_a_linear_schedule_may_end_above_nothing_and_bend():
    schedule = Linear(type="linear", peak=1.0, end=0.5)
    assert [schedule.rate_at(step, 4, 8) for step in (1, 3)] == [1.0, 0.75]
    bent = Linear(type="linear", peak=1.0, power=2.0)
    assert bent.rate_at(3, 4, 8) == 0.25


@pytest.mark.parametrize("variant", classes(Schedule), ids=lambda variant: variant.__name__)
def test_every_schedule_rises_once_falls_once_and_is_positive(variant):
    schedule = (
        variant(**minimal(variant) | {"warmup_steps": 10})
        if ("warmup_steps" in variant.model_fields)
        else variant(**minimal(variant))
    )
    steps = 40 if schedule.needs_steps else None
    rates = [schedule.rate_at(step, steps, 64) for step in range(1, 41)]
    assert min(rates) > 0
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
