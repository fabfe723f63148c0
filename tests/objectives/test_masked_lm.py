"""Masked language modeling: which tokens are masked, and at which rates."""

from types import SimpleNamespace

import numpy as np
import pytest

from archbuilder.errors import UserError
from archbuilder.objectives.masked_lm import MaskedLM
from archbuilder.objectives.selection import SelectedTokens, SpanSelection, WholeWordSelection
from archbuilder.text.batch import Batch

VOCABULARY = SimpleNamespace(special_ids=(0, 1, 2, 3, 4), mask_id=4, size=1000)


def corrupted(rows=400, length=100, real=90, **settings):
    """Return the ids before corruption, and the batch; rows have special tokens at both ends."""
    random = np.random.default_rng(0)
    token_ids = random.integers(5, 1000, (rows, length)).astype("int32")
    token_ids[:, 0], token_ids[:, real - 1], token_ids[:, real:] = 2, 3, 0
    mask = np.tile(np.arange(length) < real, (rows, 1)).astype("int32")
    batch = Batch({"token_ids": token_ids, "padding_mask": mask}, {}, {})
    MaskedLM(type="masked_lm", **settings).prepare_batch("mlm", batch, random, VOCABULARY)
    return token_ids, batch


def test_targets_are_the_original_tokens_at_the_positions():
    before, batch = corrupted()
    at_positions = np.take_along_axis(before, batch.inputs["mlm_positions"], axis=1)
    counts = batch.targets["mlm"].weights > 0
    np.testing.assert_array_equal(at_positions[counts], batch.targets["mlm"].ids[counts])


def test_special_tokens_and_padding_are_never_selected():
    _, batch = corrupted()
    selected = batch.targets["mlm"].ids[batch.targets["mlm"].weights > 0]
    assert not np.isin(selected, VOCABULARY.special_ids).any()


def test_no_position_is_selected_twice():
    _, batch = corrupted()
    for positions, weights in zip(
        batch.inputs["mlm_positions"], batch.targets["mlm"].weights, strict=True
    ):
        selected = positions[weights > 0]
        assert len(set(selected)) == len(selected)


def test_tokens_that_are_not_selected_are_unchanged():
    before, batch = corrupted()
    changed = before != batch.inputs["token_ids"]
    for row, positions in zip(changed, batch.inputs["mlm_positions"], strict=True):
        assert set(np.flatnonzero(row)) <= set(positions)


def test_rates_are_as_in_the_paper():
    _, batch = corrupted(rows=4000)
    counts = batch.targets["mlm"].weights > 0
    assert counts.sum() == 4000 * round(0.15 * 88)
    read_ids = np.take_along_axis(batch.inputs["token_ids"], batch.inputs["mlm_positions"], axis=1)[
        counts
    ]
    masked = (read_ids == VOCABULARY.mask_id).mean()
    unchanged = (read_ids == batch.targets["mlm"].ids[counts]).mean()
    assert masked == pytest.approx(0.8, abs=0.01)
    assert unchanged == pytest.approx(0.1, abs=0.01)


def test_at_most_mask_selection_length_tokens_are_selected():
    _, batch = corrupted(mask_selection_length=3)
    assert batch.inputs["mlm_positions"].shape == (400, 3)


def test_a_row_of_special_tokens_has_no_targets():
    _, batch = corrupted(rows=2, length=4, real=2)
    assert batch.targets["mlm"].weights.sum() == 0


def words(selection, rows=4000, length=100):
    """Return a batch of words of one to four tokens, and which tokens are selected.

    Id 5 starts a word, id 6 continues it.
    """
    random = np.random.default_rng(0)
    starts = random.random((rows, length)) < 0.5
    starts[:, [0, 1, -1]] = True
    token_ids = np.where(starts, 5, 6).astype("int32")
    token_ids[:, 0], token_ids[:, -1] = 2, 3
    vocabulary = SimpleNamespace(word_starts=lambda ids: ids != 6, **vars(VOCABULARY))
    batch = Batch({"token_ids": token_ids.copy(), "padding_mask": np.ones_like(token_ids)}, {}, {})
    settings = {"mask_selection": selection, "mask_selection_length": 50}
    MaskedLM(type="masked_lm", **settings).prepare_batch("mlm", batch, random, vocabulary)
    selected = np.zeros(token_ids.shape, bool)
    index, slots = np.nonzero(batch.targets["mlm"].weights)
    selected[index, batch.inputs["mlm_positions"][index, slots]] = True
    return token_ids, selected


WORD_SELECTIONS = [WholeWordSelection(type="whole_words"), SpanSelection(type="spans")]
every_selection = pytest.mark.parametrize(
    "selection", WORD_SELECTIONS, ids=lambda selection: selection.type
)


@every_selection
def test_words_are_selected_whole(selection):
    token_ids, selected = words(selection)
    split = (selected[:, 1:] != selected[:, :-1])[token_ids[:, 1:] == 6]
    assert not split.any()


@every_selection
def test_words_are_selected_at_the_same_rate_as_tokens(selection):
    token_ids, selected = words(selection)
    assert selected.sum() / (token_ids > 4).sum() == pytest.approx(15 / 98, abs=0.001)
    starts = selected[token_ids == 5].mean()
    continuations = selected[token_ids == 6].mean()
    assert starts == pytest.approx(continuations, rel=0.05)


def test_span_lengths_in_words_are_as_in_the_paper():
    random = np.random.default_rng(0)
    token_ids = np.tile([5, 6], (50, 5000))
    vocabulary = SimpleNamespace(word_starts=lambda ids: ids != 6)
    selection = SpanSelection(type="spans")
    spans = selection.unit_starts(token_ids, token_ids > 0, vocabulary, random)
    assert not spans[:, 1::2].any()
    lengths = np.concatenate([np.diff(np.flatnonzero(row)) for row in spans]) // 2
    assert lengths.max() == 10
    assert lengths.mean() == pytest.approx(3.8, abs=0.02)  # Section 3.1.
    assert (lengths == 1).mean() == pytest.approx(0.2 / (1 - 0.8**10), abs=0.005)


def test_a_span_does_not_contain_a_special_token():
    token_ids = np.full((200, 9), 5)
    token_ids[:, 4] = 3
    vocabulary = SimpleNamespace(word_starts=lambda ids: np.ones_like(ids, bool))
    spans = SpanSelection(type="spans").unit_starts(
        token_ids, token_ids != 3, vocabulary, np.random.default_rng(0)
    )
    assert spans[:, [0, 4, 5]].all()
    assert not spans[:, [1, 2, 3, 6, 7, 8]].all(axis=0).any()


def test_all_tokens_of_a_span_are_masked_replaced_or_unchanged():
    targets = np.random.default_rng(1).integers(5, 1000, (3000, 6)).astype("int32")
    units = np.tile([2, 2, 2, 5, 5, 7], (3000, 1))
    selected = SelectedTokens(units, np.ones(units.shape), targets, units)
    objective = MaskedLM(type="masked_lm", mask_selection=SpanSelection(type="spans"))
    read_ids = objective._replacements(selected, np.random.default_rng(0), VOCABULARY)
    kinds = np.where(read_ids == VOCABULARY.mask_id, 0, np.where(read_ids == targets, 2, 1))
    assert (kinds[:, :3] == kinds[:, :1]).mean() > 0.999  # A random token can be the same.
    assert (kinds[:, 3] == kinds[:, 4]).mean() > 0.999
    rates = np.bincount(kinds[:, [0, 3, 5]].ravel()) / kinds[:, [0, 3, 5]].size
    np.testing.assert_allclose(rates, [0.8, 0.1, 0.1], atol=0.01)


def test_a_packed_row_has_the_maximum_length_of_each_example():
    random = np.random.default_rng(0)
    token_ids = random.integers(5, 1000, (8, 300)).astype("int32")
    packing_ids = np.tile(np.repeat([1, 2, 3], 100), (8, 1))
    inputs = {"token_ids": token_ids, "padding_mask": np.ones_like(token_ids)}
    packed = inputs | {"packing_ids": packing_ids}
    for batch_inputs, expected in ((dict(inputs), 20), (packed, 45)):
        batch = Batch(batch_inputs, {}, {})
        MaskedLM(type="masked_lm").prepare_batch("mlm", batch, random, VOCABULARY)
        assert (batch.targets["mlm"].weights.sum(axis=1) == expected).all()


def test_a_tokenizer_without_a_mask_token_is_rejected():
    with pytest.raises(UserError, match="the tokenizer has no mask token"):
        MaskedLM(type="masked_lm").check_vocabulary(SimpleNamespace(mask_id=None))
    without_masks = MaskedLM(type="masked_lm", mask_token_rate=0.0)
    without_masks.check_vocabulary(SimpleNamespace(mask_id=None))
