"""Sums and shares are those of the whole effective batch."""

import pytest

from archbuilder.training.engines.engine import loss_scales, total_sums
from tests.training.engines.steps import batch


def test_a_token_counts_the_same_in_every_micro_batch():
    batches = [batch(2, 3, seed=0), batch(2, 9, seed=1)]
    tokens = sum(one.targets["sequence_to_sequence"].weights.sum() for one in batches)
    scales = loss_scales(batches, {"sequence_to_sequence": 3.0})
    assert scales["sequence_to_sequence"] == pytest.approx(3 / tokens)


def test_sums_add_up_over_batches():
    sums = [{"one": {"loss": 1.0, "count": 2.0}}, {"one": {"loss": 2.0, "count": 3.0}}]
    assert total_sums(sums) == {"one": {"loss": 3.0, "count": 5.0}}
