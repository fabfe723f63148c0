"""Sampling of batches: which examples share rows and batches, and how often each occurs."""

import numpy as np
import pytest

from archbuilder.batches.batch_sampler import BatchSampler, BatchSize

LENGTHS = np.random.default_rng(0).integers(2, 30, (500, 2)).astype("int32")


def make_sampler(seed=0, members=((1.0, LENGTHS),), **batch_size):
    size = BatchSize(**{"tokens": 200, "rows": None} | batch_size)
    return BatchSampler(list(members), size, seed)


def epoch(sampler, number=0):
    """Return the batches of an epoch."""
    return [sampler[number * len(sampler) + index] for index in range(len(sampler))]


def examples(batches):
    return [example for batch in batches for row in batch for example in row]


@pytest.mark.parametrize("row_length", [None, 40])
@pytest.mark.parametrize("number", [0, 1, 7])
def test_epoch_contains_every_example_once(number, row_length):
    sampler = make_sampler(row_length=row_length)
    assert sorted(examples(epoch(sampler, number))) == [(0, index) for index in range(500)]


def test_batch_does_not_depend_on_access_order():
    first, second = make_sampler(), make_sampler()
    numbers = [*range(3 * len(first))]
    batches = [first[number] for number in numbers]
    assert [second[number] for number in reversed(numbers)] == batches[::-1]


def test_epochs_and_seeds_differ_in_order():
    assert examples(epoch(make_sampler(), 0)) != examples(epoch(make_sampler(), 1))
    assert examples(epoch(make_sampler(), 0)) != examples(epoch(make_sampler(seed=1), 0))


@pytest.mark.parametrize("multiple", [1, 8])
def test_padded_batch_does_not_exceed_batch_size(multiple):
    for batch in epoch(make_sampler(multiple=multiple)):
        max_length = max(LENGTHS[index].max() for ((_, index),) in batch)
        assert len(batch) * -(-max_length // multiple) * multiple <= 200


@pytest.mark.parametrize("multiple", [29, 30, 31, 2**31, 2**63 - 1])
def test_multiple_above_max_length_pads_to_max_length(multiple):
    size = BatchSize(200, None, None, multiple, 30)
    expected = [29, 29, 30, 30] if multiple == 29 else [30] * 4
    assert size.padded_length(np.array([1, 29, 30, 30], "int32")).tolist() == expected
    assert make_sampler(multiple=multiple, max_length=30).padding_fraction() < 1


def test_rows_of_batch_have_similar_lengths():
    batches = epoch(make_sampler(tokens=400))
    lengths = [np.array([LENGTHS[index] for ((_, index),) in batch]) for batch in batches]
    padded = sum(len(rows) * rows[:, 1].max() for rows in lengths)
    assert LENGTHS[:, 1].sum() / padded > 0.9


def test_batch_size_in_rows_limits_rows():
    sampler = make_sampler(members=[(1.0, LENGTHS[:5])], tokens=None, rows=2)
    assert sorted(len(batch) for batch in epoch(sampler)) == [1, 2, 2]


def test_row_longer_than_batch_size_is_a_batch_of_its_own():
    sampler = make_sampler(members=[(1.0, np.array([[5], [500], [600]]))], tokens=10)
    assert sorted(len(batch) for batch in epoch(sampler)) == [1, 1, 1]


def test_packed_row_does_not_exceed_row_length_on_any_side():
    for batch in epoch(make_sampler(row_length=40)):
        for row in batch:
            assert (sum(LENGTHS[index] for _, index in row) <= 40).all()


def test_packing_fills_rows_almost_completely():
    lengths = np.random.default_rng(0).integers(3, 65, (2000, 1)).astype("int32")
    sampler = make_sampler(members=[(1.0, lengths)], row_length=64)
    rows = [row for batch in epoch(sampler) for row in batch]
    assert lengths.sum() / (64 * len(rows)) > 0.97


def test_example_longer_than_row_length_has_a_row_of_its_own():
    lengths = np.array([[70], [10], [20]])
    sampler = make_sampler(members=[(1.0, lengths)], row_length=64)
    rows = [row for batch in epoch(sampler) for row in batch]
    assert sorted(map(sorted, rows)) == [[(0, 0)], [(0, 1), (0, 2)]]


def test_weight_is_number_of_times_an_example_occurs_in_an_epoch():
    lengths = LENGTHS[:100]
    sampler = make_sampler(members=[(1.0, lengths), (3.0, lengths), (0.25, lengths)])
    for number in (0, 1):
        counts = np.zeros((3, 100), int)
        for member, index in examples(epoch(sampler, number)):
            counts[member, index] += 1
        assert (counts[0] == 1).all()
        assert (counts[1] == 3).all()
        assert counts[2].sum() == 25
        assert counts[2].max() == 1


@pytest.mark.parametrize("weight", [0.75, 0.9, 1.5, 2.3])
def test_examples_occur_equally_often_over_many_epochs_with_fractional_weight(weight):
    lengths = np.arange(600).reshape(300, 2).astype("int32")  # All lengths differ.
    sampler, counts = make_sampler(members=[(weight, lengths)], tokens=2000), []
    for number in range(120):
        batches = epoch(sampler, number)
        count = np.bincount([index for _, index in examples(batches)], minlength=300)
        assert count.sum() == round(weight * 300)
        assert set(count) == {int(weight), int(weight) + 1}
        for batch in batches:
            max_length = max(lengths[index].max() for ((_, index),) in batch)
            assert len(batch) == 1 or len(batch) * max_length <= 2000
        counts.append(count)
    assert np.abs(np.mean(counts, axis=0) - weight).max() < 0.25


@pytest.mark.parametrize("row_length", [None, 64])
def test_statistics_describe_first_epoch_with_fractional_weight(row_length):
    lengths = np.arange(2, 62).reshape(30, 2).astype("int32")
    sampler = make_sampler(members=[(0.4, lengths), (2.2, lengths)], row_length=row_length)
    batches, padded_tokens = epoch(sampler), 0
    row_lengths = [
        [lengths[[index for _, index in row]].sum(axis=0) for row in batch] for batch in batches
    ]
    tokens = sum(int(row.sum()) for batch in row_lengths for row in batch)
    for batch in row_lengths:
        padded_tokens += len(batch) * int(np.max(batch, axis=0).sum())
    assert sampler.num_tokens() == tokens
    assert sampler.num_examples() == len(examples(batches)) == 12 + 66
    assert sampler.padding_fraction() == pytest.approx(1 - tokens / padded_tokens)


def test_each_epoch_has_another_subset_with_weight_below_one():
    sampler = make_sampler(members=[(0.25, LENGTHS[:100])])
    sampled = {example for number in range(40) for example in examples(epoch(sampler, number))}
    assert len(sampled) == 100
    batches = [len(batch) for batch in epoch(sampler)]
    assert sum(batches) == 25
