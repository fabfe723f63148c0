"""Batches of arrays out of examples: padded, packed, the same for whoever draws them."""

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


def documents(*texts):
    """Documents of one sentence each, of the given lengths; ids say which document they are of."""
    ids = np.concatenate([np.full(length, 10 + number) for number, length in enumerate(texts)])
    starts = np.arange(len(texts) + 1)
    return document_tokens(ids, np.cumsum([0, *texts]), starts)


def batches(*texts, seed=0, **budget):
    segments = Segments(documents(*texts), (VOCABULARY, VOCABULARY), Limits(32, "split"))
    budget = BatchSize(**{"tokens": 64, "rows": None} | budget)
    return Batches([(1.0, segments)], {}, (VOCABULARY, VOCABULARY), budget, seed, INPUTS)


def same(first, second):
    return first.inputs.keys() == second.inputs.keys() and all(
        (first.inputs[name] == second.inputs[name]).all() for name in first.inputs
    )


def test_rows_are_padded_to_the_longest():
    batch = batches(2, 1)[0].inputs
    order = np.argsort(batch["token_ids"][:, 1])
    assert batch["token_ids"][order].tolist() == [[2, 10, 10, 3], [2, 11, 3, 0]]
    assert batch["padding_mask"][order].tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]
    assert {array.dtype for array in batch.values()} == {np.dtype("int32")}


def test_lengths_are_multiples_of_what_is_asked_for_within_the_limit():
    assert batches(2, 1, multiple=8)[0].inputs["token_ids"].shape == (2, 8)
    assert batches(9, 9, multiple=8, longest=12)[0].inputs["token_ids"].shape == (2, 12)


def test_a_packed_row_says_whose_tokens_they_are_and_their_places():
    batch = batches(2, 1, row_length=8)[0].inputs
    assert batch["token_ids"].tolist() == [[2, 11, 3, 2, 10, 10, 3]]
    assert batch["packing_ids"].tolist() == [[1, 1, 1, 2, 2, 2, 2]]
    assert batch["packing_positions"].tolist() == [[0, 1, 2, 0, 1, 2, 3]]
    assert batch["padding_mask"].tolist() == [[1] * 7]


def test_each_side_is_padded_with_its_own_padding():
    pairs = pair_tokens(
        RaggedText(np.array([11, 12, 13]), np.array([0, 1, 3])),
        RaggedText(np.array([21, 22, 23]), np.array([0, 2, 3])),
    )
    translations = Translations(pairs, (VOCABULARY, OTHER), Limits(8, "drop"))
    budget = BatchSize(tokens=64, rows=None)
    names = ("encoder_token_ids", "decoder_token_ids")
    batch = Batches([(1.0, translations)], {}, (VOCABULARY, OTHER), budget, 0, names)[0]
    order = np.argsort(batch.inputs["encoder_token_ids"][:, 0])
    assert batch.inputs["encoder_token_ids"][order].tolist() == [[11, 3, 0], [12, 13, 3]]
    assert batch.inputs["decoder_token_ids"][order].tolist() == [[2, 21, 22], [2, 23, 9]]
    assert batch.columns["decoder_targets"][order].tolist() == [[21, 22, 3], [23, 3, 9]]


@pytest.mark.parametrize("row_length", [None, 32])
def test_a_thousand_batches_are_the_same_twice_and_from_the_middle_on(row_length):
    texts = np.random.default_rng(0).integers(1, 25, 60)
    first, second, third = (batches(*texts, row_length=row_length) for _ in range(3))
    straight = [first[number] for number in range(1000)]
    assert all(same(straight[number], second[number]) for number in range(1000))
    assert all(same(straight[number], third[number]) for number in range(500, 1000))


def test_workers_that_take_every_second_batch_draw_what_one_would():
    texts = np.random.default_rng(0).integers(1, 25, 60)
    one, workers = batches(*texts), [batches(*texts) for _ in range(2)]
    for number in range(3 * len(one)):
        assert same(one[number], workers[number % 2][number])


def test_several_corpora_are_mixed_in_one_batch():
    parts = [
        Segments(documents(*lengths), (VOCABULARY, VOCABULARY), Limits(32, "split"))
        for lengths in ([3], [3, 3])
    ]
    budget = BatchSize(tokens=64, rows=None)
    mixed = Batches([(1.0, one) for one in parts], {}, (VOCABULARY, VOCABULARY), budget, 0, INPUTS)
    assert sorted(mixed[0].inputs["token_ids"][:, 1].tolist()) == [10, 10, 11]
