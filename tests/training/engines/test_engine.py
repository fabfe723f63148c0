"""Loss scales and sums over the effective batch."""

import pytest

from archbuilder.training.engines.engine import loss_scales, total_sums
from tests.training.engines.steps import make_batch


def test_loss_is_divided_by_number_of_targets_in_all_micro_batches():
    batches = [make_batch(2, 3, seed=0), make_batch(2, 9, seed=1)]
    tokens = sum(batch.targets["sequence_to_sequence"].weights.sum() for batch in batches)
    scales = loss_scales(batches, {"sequence_to_sequence": 3.0})
    assert scales["sequence_to_sequence"] == pytest.approx(3 / tokens)


def test_sums_are_added_over_batches():
    sums = [{"masked_lm": {"loss": 1.0, "count": 2.0}}, {"masked_lm": {"loss": 2.0, "count": 3.0}}]
    assert total_sums(sums) == {"masked_lm": {"loss": 3.0, "count": 5.0}}
