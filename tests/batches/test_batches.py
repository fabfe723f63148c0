"""Batches as arrays: padding, packing, and the same batch in every process."""

from types import SimpleNamespace

import numpy as np
import pytest

from archbuilder.batches.batch_sampler import BatchSize
from archbuilder.batches.batches import Batches
from archbuilder.text.examples import Limits, Segments, Translations
from archbuilder.text.token_store import RaggedText
from tests.tokens import document_tokens, pair_tokens

VOCABULARY = SimpleNamespace(padding_id=0, start_id=2, end_id=3)
INPUTS = ("token_ids", "segment_ids")
OTHER = SimpleNamespace(padding_id=9, start_id=2, end_id=3)


def make_documents(*lengths):
    """Return documents of one sentence each; document `n` repeats the id 10 + n."""
    ids = np.concatenate([np.full(length, 10 + number) for number, length in enumerate(lengths)])
    starts = np.arange(len(lengths) + 1)
    return document_tokens(ids, np.cumsum([0, *lengths]), starts)


def make_batches(*lengths, seed=0, **batch_size):
    segments = Segments(make_documents(*lengths), (VOCABULARY, VOCABULARY), Limits(32, "split"))
    size = BatchSize(**{"tokens": 64, "rows": None} | batch_size)
    return Batches([(1.0, segments)], {}, (VOCABULARY, VOCABULARY), size, seed, INPUTS)


def are_equal(first, second):
    return first.inputs.keys() == second.inputs.keys() and all(
        (first.inputs[name] == second.inputs[name]).all() for name in first.inputs
    )


def test_rows_are_padded_to_longest_row():
    batch = make_batches(2, 1)[0].inputs
    order = np.argsort(batch["token_ids"][:, 1])
    assert batch["token_ids"][order].tolist() == [[2, 10, 10, 3], [2, 11, 3, 0]]
    assert batch["padding_mask"][order].tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]
    assert {array.dtype for array in batch.values()} == {np.dtype("int32")}


def test_rows_are_padded_to_multiple_up_to_max_length():
    assert make_batches(2, 1, multiple=8)[0].inputs["token_ids"].shape == (2, 8)
    batches = make_batches(9, 9, multiple=8, max_length=12)
    assert batches[0].inputs["token_ids"].shape == (2, 12)


def test_packed_row_has_example_numbers_and_positions():
    batch = make_batches(2, 1, row_length=8)[0].inputs
    assert batch["token_ids"].tolist() == [[2, 11, 3, 2, 10, 10, 3]]
    assert batch["packing_ids"].tolist() == [[1, 1, 1, 2, 2, 2, 2]]
    assert batch["packing_positions"].tolist() == [[0, 1, 2, 0, 1, 2, 3]]
    assert batch["padding_mask"].tolist() == [[1] * 7]


def test_each_side_is_padded_with_its_own_padding_id():
    pairs = pair_tokens(
        RaggedText(np.array([11, 12, 13]), np.array([0, 1, 3])),
        RaggedText(np.array([21, 22, 23]), np.array([0, 2, 3])),
    )
    translations = Translations(pairs, (VOCABULARY, OTHER), Limits(8, "drop"))
    size = BatchSize(tokens=64, rows=None)
    names = ("encoder_token_ids", "decoder_token_ids")
    batch = Batches([(1.0, translations)], {}, (VOCABULARY, OTHER), size, 0, names)[0]
    order = np.argsort(batch.inputs["encoder_token_ids"][:, 0])
    assert batch.inputs["encoder_token_ids"][order].tolist() == [[11, 3, 0], [12, 13, 3]]
    assert batch.inputs["decoder_token_ids"][order].tolist() == [[2, 21, 22], [2, 23, 9]]
    assert batch.columns["decoder_targets"][order].tolist() == [[21, 22, 3], [23, 3, 9]]


@pytest.mark.parametrize("row_length", [None, 32])
def test_thousand_batches_are_reproducible_from_start_and_from_middle(row_length):
    lengths = np.random.default_rng(0).integers(1, 25, 60)
    first, second, third = (make_batches(*lengths, row_length=row_length) for _ in range(3))
    expected = [first[number] for number in range(1000)]
    assert all(are_equal(expected[number], second[number]) for number in range(1000))
    assert all(are_equal(expected[number], third[number]) for number in range(500, 1000))


def test_two_workers_create_same_batches_as_one_process():
    lengths = np.random.default_rng(0).integers(1, 25, 60)
    batches, workers = make_batches(*lengths), [make_batches(*lengths) for _ in range(2)]
    for number in range(3 * len(batches)):
        assert are_equal(batches[number], workers[number % 2][number])


def test_batch_mixes_several_corpora():
    members = [
        (1.0, Segments(make_documents(*lengths), (VOCABULARY, VOCABULARY), Limits(32, "split")))
        for lengths in ([3], [3, 3])
    ]
    size = BatchSize(tokens=64, rows=None)
    mixed = Batches(members, {}, (VOCABULARY, VOCABULARY), size, 0, INPUTS)
    assert sorted(mixed[0].inputs["token_ids"][:, 1].tolist()) == [10, 10, 11]
