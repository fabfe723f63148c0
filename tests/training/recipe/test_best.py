"""The best evaluation and early stopping."""

import pytest

from archbuilder.training.recipe.best import Best, EarlyStopping


def update_all(best, values):
    """Return, for each value, whether it is the best so far."""
    return [
        best.update({f"validation_{best.metric}": value}, step)
        for step, value in enumerate(values, start=1)
    ]


def test_lowest_loss_and_highest_accuracy_are_best():
    values = [3.0, 2.0, 2.5, 1.0]
    loss = Best("loss", None, higher_is_better=False)
    assert update_all(loss, values) == [True, True, False, True]
    perplexity = Best("masked_lm_perplexity", None, higher_is_better=False)
    assert update_all(perplexity, values) == [True, True, False, True]
    accuracy = Best("masked_lm_accuracy", None, higher_is_better=True)
    assert update_all(accuracy, values) == [True, False, False, False]


def test_last_evaluation_is_best_without_validation_metrics():
    best = Best("loss", None, False)
    assert best.update({"step": 3}, 3)
    assert best.update({"step": 6}, 6)
    assert best.step == 6


@pytest.mark.parametrize(
    ("min_delta", "expected"),
    [(0.0, [False, False, False, True]), (0.6, [False, False, True, True])],
)
def test_patience_counts_evaluations_since_last_improvement(min_delta, expected):
    best = Best("loss", EarlyStopping(patience=2, min_delta=min_delta), False)
    should_stop = []
    for value in [3.0, 2.5, 2.5, 2.7]:
        update_all(best, [value])
        should_stop.append(best.should_stop)
    assert should_stop == expected


def test_improvement_below_min_delta_is_best_but_does_not_reset_patience():
    best = Best("loss", EarlyStopping(patience=1, min_delta=0.5), False)
    assert update_all(best, [3.0, 2.9]) == [True, True]
    assert best.value == 2.9
    assert best.should_stop


def test_state_is_restored():
    first, second = (Best("loss", EarlyStopping(patience=3), False) for _ in range(2))
    update_all(first, [2.0, 3.0])
    second.restore(first.state())
    assert (second.value, second.step, second.num_bad) == (2.0, 1, 1)
