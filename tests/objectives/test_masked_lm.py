"""What the masked language model hides, and how often."""

from types import SimpleNamespace

import numpy as np
import pytest

from archbuilder.errors import UserError
from archbuilder.objectives.masked_lm import MaskedLM
from archbuilder.objectives.selection import Chosen, Spans, WholeWords
from archbuilder.text.batch import Batch

VOCABULARY = SimpleNamespace(special_ids=(0, 1, 2, 3, 4), mask_id=4, size=1000)


def corrupted(rows=400, length=100, real=90, **settings):
    """A batch of ids over 5, each row with a special token at either end, before and after."""
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


def test_special_tokens_and_padding_are_never_chosen():
    _, batch = corrupted()
    chosen = batch.targets["mlm"].ids[batch.targets["mlm"].weights > 0]
    assert not np.isin(chosen, VOCABULARY.special_ids).any()


def test_no_position_is_chosen_twice():
    _, batch = corrupted()
    for positions, weights in zip(
        batch.inputs["mlm_positions"], batch.targets["mlm"].weights, strict=True
    ):
        chosen = positions[weights > 0]
        assert len(set(chosen)) == len(chosen)


def test_what_was_not_chosen_stays():
    before, batch = corrupted()
    changed = before != batch.inputs["token_ids"]
    for row, positions in zip(changed, batch.inputs["mlm_positions"], strict=True):
        assert set(np.flatnonzero(row)) <= set(positions)


def test_rates_are_those_of_the_paper():
    _, batch = corrupted(rows=4000)
    counts = batch.targets["mlm"].weights > 0
    assert counts.sum() == 4000 * round(0.15 * 88)
    now = np.take_along_axis(batch.inputs["token_ids"], batch.inputs["mlm_positions"], axis=1)[
        counts
    ]
    masked = (now == VOCABULARY.mask_id).mean()
    kept = (now == batch.targets["mlm"].ids[counts]).mean()
    assert masked == pytest.approx(0.8, abs=0.01)
    assert kept == pytest.approx(0.1, abs=0.01)


def test_at_most_mask_selection_length_tokens_are_chosen():
    _, batch = corrupted(mask_selection_length=3)
    assert batch.inputs["mlm_positions"].shape == (400, 3)


def test_a_row_without_ordinary_tokens_guesses_nothing():
    _, batch = corrupted(rows=2, length=4, real=2)
    assert batch.targets["mlm"].weights.sum() == 0


def words(selection, rows=4000, length=100):
    """Words of one to four tokens, ids 5 beginning one and 6 going on with it, in a batch."""
    random = np.random.default_rng(0)
    begins = random.random((rows, length)) < 0.5
    begins[:, [0, 1, -1]] = True
    token_ids = np.where(begins, 5, 6).astype("int32")
    token_ids[:, 0], token_ids[:, -1] = 2, 3
    vocabulary = SimpleNamespace(word_starts=lambda ids: ids != 6, **vars(VOCABULARY))
    batch = Batch({"token_ids": token_ids.copy(), "padding_mask": np.ones_like(token_ids)}, {}, {})
    settings = {"mask_selection": selection, "mask_selection_length": 50}
    MaskedLM(type="masked_lm", **settings).prepare_batch("mlm", batch, random, vocabulary)
    chosen = np.zeros(token_ids.shape, bool)
    at, slots = np.nonzero(batch.targets["mlm"].weights)
    chosen[at, batch.inputs["mlm_positions"][at, slots]] = True
    return token_ids, chosen, batch


WORDS = [WholeWords(type="whole_words"), Spans(type="spans")]
each = pytest.mark.parametrize("selection", WORDS, ids=lambda one: one.type)


@each
def test_words_are_hidden_whole(selection):
    token_ids, chosen, _ = words(selection)
    broken = (chosen[:, 1:] != chosen[:, :-1])[token_ids[:, 1:] == 6]
    assert not broken.any()


@each
def test_words_are_hidden_at_the_same_rate(selection):
    token_ids, chosen, _ = words(selection)
    assert chosen.sum() / (token_ids > 4).sum() == pytest.approx(15 / 98, abs=0.001)
    begins = chosen[token_ids == 5].mean()
    goes_on = chosen[token_ids == 6].mean()
    assert begins == pytest.approx(goes_on, rel=0.05)


def test_spans_have_the_papers_lengths_in_words():
    random = np.random.default_rng(0)
    token_ids = np.tile([5, 6], (50, 5000))
    vocabulary = SimpleNamespace(word_starts=lambda ids: ids != 6)
    spans = Spans(type="spans").begins(token_ids, token_ids > 0, vocabulary, random)
    assert not spans[:, 1::2].any()
    lengths = np.concatenate([np.diff(np.flatnonzero(row)) for row in spans]) // 2
    assert lengths.max() == 10
    assert lengths.mean() == pytest.approx(3.8, abs=0.02)  # Section 3.1.
    assert (lengths == 1).mean() == pytest.approx(0.2 / (1 - 0.8**10), abs=0.005)


def test_a_span_ends_before_a_special_token_and_begins_behind_it():
    token_ids = np.full((200, 9), 5)
    token_ids[:, 4] = 3
    vocabulary = SimpleNamespace(word_starts=lambda ids: np.ones_like(ids, bool))
    spans = Spans(type="spans").begins(
        token_ids, token_ids != 3, vocabulary, np.random.default_rng(0)
    )
    assert spans[:, [0, 4, 5]].all()
    assert not spans[:, [1, 2, 3, 6, 7, 8]].all(axis=0).any()


def test_a_span_is_masked_replaced_or_kept_as_one():
    targets = np.random.default_rng(1).integers(5, 1000, (3000, 6)).astype("int32")
    units = np.tile([2, 2, 2, 5, 5, 7], (3000, 1))
    chosen = Chosen(units, np.ones(units.shape), targets, units)
    objective = MaskedLM(type="masked_lm", mask_selection=Spans(type="spans"))
    hidden = objective._replacements(chosen, np.random.default_rng(0), VOCABULARY)
    kind = np.where(hidden == VOCABULARY.mask_id, 0, np.where(hidden == targets, 2, 1))
    assert (kind[:, :3] == kind[:, :1]).mean() > 0.999  # A random token may be the same.
    assert (kind[:, 3] == kind[:, 4]).mean() > 0.999
    rates = np.bincount(kind[:, [0, 3, 5]].ravel()) / kind[:, [0, 3, 5]].size
    np.testing.assert_allclose(rates, [0.8, 0.1, 0.1], atol=0.01)


def test_a_packed_row_may_hide_as_much_as_its_examples_would():
    random = np.random.default_rng(0)
    token_ids = random.integers(5, 1000, (8, 300)).astype("int32")
    packing_ids = np.tile(np.repeat([1, 2, 3], 100), (8, 1))
    inputs = {"token_ids": token_ids, "padding_mask": np.ones_like(token_ids)}
    packed = inputs | {"packing_ids": packing_ids}
    for one, expected in ((dict(inputs), 20), (packed, 45)):
        batch = Batch(one, {}, {})
        MaskedLM(type="masked_lm").prepare_batch("mlm", batch, random, VOCABULARY)
        assert (batch.targets["mlm"].weights.sum(axis=1) == expected).all()


def test_a_tokenizer_without_a_mask_is_refused():
    with pytest.raises(UserError, match="the tokenizer has no mask token"):
        MaskedLM(type="masked_lm").check_vocabulary(SimpleNamespace(mask_id=None))
    never = MaskedLM(type="masked_lm", mask_token_rate=0.0)
    never.check_vocabulary(SimpleNamespace(mask_id=None))
