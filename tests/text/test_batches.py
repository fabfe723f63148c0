"""A batch is a pure function of the seed and its number."""

from types import SimpleNamespace

import numpy as np
import pytest

from archbuilder.text.batches import Batches, cuts
from archbuilder.training.recipe import Batch

LENGTHS = np.random.default_rng(0).integers(2, 30, (500, 2))


class Numbers:
    """Examples that give back which they are, and a number drawn for them."""

    lengths = LENGTHS

    def collate(self, indices, random):
        return {"index": indices, "drawn": random.random(len(indices))}


def batches(seed=0, **budget):
    return Batches(Numbers(), {}, SimpleNamespace(), Batch(**(budget or {"tokens": 200})), seed)


def test_any_batch_can_be_had_again_without_those_before_it():
    first, second = batches(), batches()
    numbers = [*range(3 * len(first))]
    straight = [first[number] for number in numbers]
    for number in reversed(numbers):
        again = second[number]
        assert all((straight[number][key] == again[key]).all() for key in again)


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_an_epoch_has_every_example_once(epoch):
    source = batches()
    begin = epoch * len(source)
    seen = np.concatenate([source[begin + place]["index"] for place in range(len(source))])
    assert sorted(seen) == list(range(500))


def test_epochs_and_seeds_differ_in_order():
    def order(source, epoch):
        places = range(epoch * len(source), (epoch + 1) * len(source))
        return np.concatenate([source[place]["index"] for place in places]).tolist()

    assert order(batches(), 0) != order(batches(), 1)
    assert order(batches(), 0) != order(batches(seed=1), 0)


def test_no_batch_is_over_its_budget():
    source = batches(tokens=200)
    for place in range(len(source)):
        lengths = LENGTHS[source[place]["index"]]
        assert len(lengths) * lengths.max() <= 200


def test_rows_of_a_batch_are_of_like_length():
    source = batches(tokens=400)
    chosen = [LENGTHS[source[place]["index"]] for place in range(len(source))]
    padded = sum(len(rows) * rows[:, 1].max() for rows in chosen)
    assert LENGTHS[:, 1].sum() / padded > 0.9


def test_a_budget_of_examples_counts_rows():
    assert cuts(np.array([5, 6, 7, 8, 9]), Batch(examples=2)).tolist() == [0, 2, 4, 5]


def test_a_row_over_the_budget_stands_alone():
    assert cuts(np.array([5, 500, 600]), Batch(tokens=10)).tolist() == [0, 1, 2, 3]
