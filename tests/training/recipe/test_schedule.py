"""Learning rates at steps where they can be computed by hand."""

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


def test_number_is_a_constant_learning_rate():
    schedule = TypeAdapter(Schedule).validate_python(1e-4)
    assert schedule == Constant(type="constant", rate=1e-4)
    assert schedule.rate_at(17, 100, 8) == 1e-4


def test_linear_rises_to_peak_and_decays_toward_zero():
    schedule = Linear(type="linear", peak=1.0, warmup_steps=10)
    rates = [schedule.rate_at(step, 110, 8) for step in range(1, 111)]
    assert rates[0] == 0.1
    assert rates[9] == 1.0 == max(rates)
    assert rates[59] == pytest.approx(51 / 101)
    assert rates[-1] == pytest.approx(1 / 101)


def test_linear_without_warmup_starts_at_peak():
    schedule = Linear(type="linear", peak=1.0)
    assert [schedule.rate_at(step, 4, 8) for step in (1, 2, 3, 4)] == [1, 3 / 4, 2 / 4, 1 / 4]
    assert schedule.rate_at(1, 1, 8) == 1.0


def test_linear_has_no_zero_rate_and_no_jump_after_peak():
    for warmup in (0, 1, 2, 9, 10):
        schedule = Linear(type="linear", peak=1.0, warmup_steps=warmup)
        rates = [schedule.rate_at(step, 10, 8) for step in range(1, 11)]
        peak = max(warmup, 1) - 1
        assert rates[peak] == 1.0
        decreases = [
            rate - next_rate
            for rate, next_rate in zip(rates[peak:], rates[peak + 1 :], strict=False)
        ]
        assert all(decrease == pytest.approx(rates[-1]) for decrease in decreases)


def test_noam_equals_formula_of_paper():
    schedule = Noam(type="noam", warmup_steps=4000)
    assert schedule.rate_at(4000, 10**5, 512) == pytest.approx((512 * 4000) ** -0.5)
    assert schedule.rate_at(1000, 10**5, 512) == pytest.approx((512 * 4000) ** -0.5 / 4)
    assert schedule.rate_at(16000, 10**5, 512) == pytest.approx((512 * 4000) ** -0.5 / 2)


def test_inverse_square_root_is_noam_with_explicit_peak():
    noam = Noam(type="noam", warmup_steps=400)
    peak = noam.rate_at(400, 1, 64)
    schedule = InverseSquareRoot(type="inverse_square_root", peak=peak, warmup_steps=400)
    for step in (1, 100, 400, 1600):
        assert schedule.rate_at(step, 1, 64) == pytest.approx(noam.rate_at(step, 1, 64))


def test_cosine_is_half_way_at_half_time_and_never_below_end():
    schedule = Cosine(type="cosine", peak=1.0, end=0.2, warmup_steps=10)
    rates = [schedule.rate_at(step, 108, 8) for step in range(1, 109)]
    assert rates[9] == 1.0 == max(rates)
    assert rates[9 + 99 // 2 + 1] == pytest.approx(0.6, abs=0.02)
    assert 0.2 < rates[-1] < 0.21
    assert rates[9:] == sorted(rates[9:], reverse=True)


def test_warmup_stable_decay_has_three_phases():
    schedule = WarmupStableDecay(
        type="warmup_stable_decay", peak=1.0, warmup_steps=4, decay_steps=3, end=0.2
    )
    rates = [schedule.rate_at(step, 10, 8) for step in range(1, 11)]
    assert rates == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1, 1, 0.8, 0.6, 0.4])


def test_linear_accepts_end_and_power():
    schedule = Linear(type="linear", peak=1.0, end=0.5)
    assert [schedule.rate_at(step, 4, 8) for step in (1, 3)] == [1.0, 0.75]
    quadratic = Linear(type="linear", peak=1.0, power=2.0)
    assert quadratic.rate_at(3, 4, 8) == 0.25


@pytest.mark.parametrize("variant", classes(Schedule), ids=lambda variant: variant.__name__)
def test_schedule_rises_once_falls_once_and_is_positive(variant):
    schedule = (
        variant(**minimal(variant) | {"warmup_steps": 10})
        if ("warmup_steps" in variant.model_fields)
        else variant(**minimal(variant))
    )
    steps = 40 if schedule.needs_steps else None
    rates = [schedule.rate_at(step, steps, 64) for step in range(1, 41)]
    assert min(rates) > 0
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
