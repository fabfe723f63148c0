"""Rows, batches and epochs: what stands together, and how often."""

import numpy as np
import pytest

from archbuilder.batches.batch_sampler import BatchSampler, BatchSize

LENGTHS = np.random.default_rng(0).integers(2, 30, (500, 2)).astype("int32")


def order(seed=0, parts=((1.0, LENGTHS),), **budget):
    return BatchSampler(list(parts), BatchSize(**{"tokens": 200, "rows": None} | budget), seed)


def epoch(one, number=0):
    """The rows of an epoch's batches."""
    return [one[number * len(one) + place] for place in range(len(one))]


def examples(batches):
    return [example for batch in batches for row in batch for example in row]


@pytest.mark.parametrize("row_length", [None, 40])
@pytest.mark.parametrize("number", [0, 1, 7])
def test_an_epoch_has_every_example_once(number, row_length):
    one = order(row_length=row_length)
    assert sorted(examples(epoch(one, number))) == [(0, index) for index in range(500)]


def test_any_batch_can_be_had_again_without_those_before_it():
    first, second = order(), order()
    numbers = [*range(3 * len(first))]
    straight = [first[number] for number in numbers]
    assert [second[number] for number in reversed(numbers)] == straight[::-1]


def test_epochs_and_seeds_differ_in_order():
    assert examples(epoch(order(), 0)) != examples(epoch(order(), 1))
    assert examples(epoch(order(), 0)) != examples(epoch(order(seed=1), 0))


@pytest.mark.parametrize("multiple", [1, 8])
def test_no_batch_is_over_its_budget_padding_included(multiple):
    for batch in epoch(order(multiple=multiple)):
        longest = max(LENGTHS[index].max() for ((_, index),) in batch)
        assert len(batch) * -(-longest // multiple) * multiple <= 200


@pytest.mark.parametrize("multiple", [29, 30, 31, 2**31, 2**63 - 1])
def test_a_multiple_over_the_longest_pads_to_the_longest(multiple):
    budget = BatchSize(200, None, None, multiple, 30)
    expected = [29, 29, 30, 30] if multiple == 29 else [30] * 4
    assert budget.padded(np.array([1, 29, 30, 30], "int32")).tolist() == expected
    assert order(multiple=multiple, longest=30).padding() < 1


def test_rows_of_a_batch_are_of_like_length():
    batches = epoch(order(tokens=400))
    lengths = [np.array([LENGTHS[index] for ((_, index),) in batch]) for batch in batches]
    padded = sum(len(rows) * rows[:, 1].max() for rows in lengths)
    assert LENGTHS[:, 1].sum() / padded > 0.9


def test_a_budget_of_rows_counts_rows():
    one = order(parts=[(1.0, LENGTHS[:5])], tokens=None, rows=2)
    assert sorted(len(batch) for batch in epoch(one)) == [1, 2, 2]


def test_a_row_over_the_budget_stands_alone():
    one = order(parts=[(1.0, np.array([[5], [500], [600]]))], tokens=10)
    assert sorted(len(batch) for batch in epoch(one)) == [1, 1, 1]


def test_packed_rows_have_room_for_their_examples_on_every_side():
    for batch in epoch(order(row_length=40)):
        for row in batch:
            assert (sum(LENGTHS[index] for _, index in row) <= 40).all()


def test_packing_leaves_little_room():
    lengths = np.random.default_rng(0).integers(3, 65, (2000, 1)).astype("int32")
    rows = [row for batch in epoch(order(parts=[(1.0, lengths)], row_length=64)) for row in batch]
    assert lengths.sum() / (64 * len(rows)) > 0.97


def test_what_is_longer_than_a_row_stands_alone():
    lengths = np.array([[70], [10], [20]])
    one = order(parts=[(1.0, lengths)], row_length=64)
    rows = [row for batch in epoch(one) for row in batch]
    assert sorted(map(sorted, rows)) == [[(0, 0)], [(0, 1), (0, 2)]]


def test_a_weight_is_how_often_an_example_stands_in_an_epoch():
    lengths = LENGTHS[:100]
    one = order(parts=[(1.0, lengths), (3.0, lengths), (0.25, lengths)])
    for number in (0, 1):
        seen = np.zeros((3, 100), int)
        for part, index in examples(epoch(one, number)):
            seen[part, index] += 1
        assert (seen[0] == 1).all()
        assert (seen[1] == 3).all()
        assert seen[2].sum() == 25
        assert seen[2].max() == 1


@pytest.mark.parametrize("weight", [0.75, 0.9, 1.5, 2.3])
def test_of_a_fraction_every_example_has_its_part_in_the_long_run(weight):
    lengths = np.arange(600).reshape(300, 2).astype("int32")  # No two of the same length.
    one, seen = order(parts=[(weight, lengths)], tokens=2000), []
    for number in range(120):
        drawn = epoch(one, number)
        times = np.bincount([index for _, index in examples(drawn)], minlength=300)
        assert times.sum() == round(weight * 300)
        assert set(times) == {int(weight), int(weight) + 1}
        for batch in drawn:
            longest = max(lengths[index].max() for ((_, index),) in batch)
            assert len(batch) == 1 or len(batch) * longest <= 2000
        seen.append(times)
    assert np.abs(np.mean(seen, axis=0) - weight).max() < 0.25


@pytest.mark.parametrize("row_length", [None, 64])
def test_of_a_fraction_what_is_told_of_an_epoch_is_so_of_the_first(row_length):
    lengths = np.arange(2, 62).reshape(30, 2).astype("int32")
    one = order(parts=[(0.4, lengths), (2.2, lengths)], row_length=row_length)
    batches, whole = epoch(one), 0
    drawn = [[lengths[[index for _, index in row]].sum(axis=0) for row in b] for b in batches]
    tokens = sum(int(row.sum()) for batch in drawn for row in batch)
    for batch in drawn:
        whole += len(batch) * int(np.max(batch, axis=0).sum())
    assert one.tokens() == tokens
    assert one.examples() == len(examples(batches)) == 12 + 66
    assert one.padding() == pytest.approx(1 - tokens / whole)


def test_of_a_fraction_another_part_is_drawn_each_epoch():
    one = order(parts=[(0.25, LENGTHS[:100])])
    seen = {example for number in range(40) for example in examples(epoch(one, number))}
    assert len(seen) == 100
    batches = [len(batch) for batch in epoch(one)]
    assert sum(batches) == 25
