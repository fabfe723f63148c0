"""The best measurement is kept, and training stops where none becomes better."""

import pytest

from archbuilder.training.recipe.best import Best, EarlyStopping


def taken(best, values):
    """For each value in turn, whether it is the best so far."""
    found = []
    for step, value in enumerate(values, start=1):
        found.append(best.update({f"validation_{best.metric}": value}, step))
    return found


def test_the_least_loss_and_the_highest_accuracy_are_the_best():
    values = [3.0, 2.0, 2.5, 1.0]
    assert taken(Best("loss", None, False), values) == [True, True, False, True]
    assert taken(Best("masked_lm_perplexity", None, False), values) == [True, True, False, True]
    assert taken(Best("masked_lm_accuracy", None, True), values) == [True, False, False, False]


def test_where_nothing_is_measured_the_last_is_the_best():
    best = Best("loss", None, False)
    assert best.update({"step": 3}, 3)
    assert best.update({"step": 6}, 6)
    assert best.step == 6


@pytest.mark.parametrize(
    ("change", "given_up"), [(0.0, [False, False, False, True]), (0.6, [False, False, True, True])]
)
def test_patience_is_counted_from_the_last_that_was_better_by_enough(change, given_up):
    best = Best("loss", EarlyStopping(patience=2, min_delta=change), False)
    found = []
    for value in [3.0, 2.5, 2.5, 2.7]:
        taken(best, [value])
        found.append(best.should_stop)
    assert found == given_up


def test_a_small_gain_is_kept_and_is_yet_none_to_wait_for():
    best = Best("loss", EarlyStopping(patience=1, min_delta=0.5), False)
    assert taken(best, [3.0, 2.9]) == [True, True]
    assert best.value == 2.9
    assert best.should_stop


def test_what_is_kept_goes_on():
    first, second = (Best("loss", EarlyStopping(patience=3), False) for _ in range(2))
    taken(first, [2.0, 3.0])
    second.restore(first.state())
    assert (second.value, second.step, second.num_bad) == (2.0, 1, 1)
