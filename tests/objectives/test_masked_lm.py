"""What the masked language model hides, and how often."""

from types import SimpleNamespace

import numpy as np
import pytest

from archbuilder.mistake import UserMistake
from archbuilder.objectives import MaskedLM

VOCABULARY = SimpleNamespace(special_ids=(0, 1, 2, 3, 4), mask_id=4, size=1000)


def corrupted(rows=400, length=100, real=90, **settings):
    """A batch of ids over 5, each row with a special token at either end, before and after."""
    random = np.random.default_rng(0)
    token_ids = random.integers(5, 1000, (rows, length)).astype("int32")
    token_ids[:, 0], token_ids[:, real - 1], token_ids[:, real:] = 2, 3, 0
    mask = np.tile(np.arange(length) < real, (rows, 1)).astype("int32")
    batch = {"token_ids": token_ids, "padding_mask": mask}
    MaskedLM(type="masked_lm", **settings).corrupt("mlm", batch, random, VOCABULARY)
    return token_ids, batch


def test_targets_are_the_original_tokens_at_the_positions():
    before, batch = corrupted()
    at_positions = np.take_along_axis(before, batch["mlm_positions"], axis=1)
    counts = batch["mlm_weights"] > 0
    np.testing.assert_array_equal(at_positions[counts], batch["mlm_targets"][counts])


def test_special_tokens_and_padding_are_never_chosen():
    _, batch = corrupted()
    chosen = batch["mlm_targets"][batch["mlm_weights"] > 0]
    assert not np.isin(chosen, VOCABULARY.special_ids).any()


def test_no_position_is_chosen_twice():
    _, batch = corrupted()
    for positions, weights in zip(batch["mlm_positions"], batch["mlm_weights"], strict=True):
        chosen = positions[weights > 0]
        assert len(set(chosen)) == len(chosen)


def test_what_was_not_chosen_stays():
    before, batch = corrupted()
    changed = before != batch["token_ids"]
    for row, positions in zip(changed, batch["mlm_positions"], strict=True):
        assert set(np.flatnonzero(row)) <= set(positions)


def test_rates_are_those_of_the_paper():
    _, batch = corrupted(rows=4000)
    counts = batch["mlm_weights"] > 0
    assert counts.sum() == 4000 * round(0.15 * 88)
    now = np.take_along_axis(batch["token_ids"], batch["mlm_positions"], axis=1)[counts]
    masked = (now == VOCABULARY.mask_id).mean()
    kept = (now == batch["mlm_targets"][counts]).mean()
    assert masked == pytest.approx(0.8, abs=0.01)
    assert kept == pytest.approx(0.1, abs=0.01)


def test_at_most_mask_selection_length_tokens_are_chosen():
    _, batch = corrupted(mask_selection_length=3)
    assert batch["mlm_positions"].shape == (400, 3)


def test_a_row_without_ordinary_tokens_guesses_nothing():
    _, batch = corrupted(rows=2, length=4, real=2)
    assert batch["mlm_weights"].sum() == 0


def words(rows=4000, length=100, seed=0):
    """Words of one to four tokens, ids 5 beginning one and 6 going on with it, in a batch."""
    random = np.random.default_rng(seed)
    begins = random.random((rows, length)) < 0.5
    begins[:, [0, 1, -1]] = True
    token_ids = np.where(begins, 5, 6).astype("int32")
    token_ids[:, 0], token_ids[:, -1] = 2, 3
    vocabulary = SimpleNamespace(word_starts=lambda ids: ids != 6, **vars(VOCABULARY))
    batch = {"token_ids": token_ids.copy(), "padding_mask": np.ones_like(token_ids)}
    objective = MaskedLM(type="masked_lm", whole_words=True, mask_selection_length=50)
    objective.corrupt("mlm", batch, random, vocabulary)
    chosen = np.zeros(token_ids.shape, bool)
    at, slots = np.nonzero(batch["mlm_weights"])
    chosen[at, batch["mlm_positions"][at, slots]] = True
    return token_ids, chosen


def test_whole_words_are_hidden_whole():
    token_ids, chosen = words()
    goes_on = token_ids[:, 1:] == 6
    assert (chosen[:, 1:] == chosen[:, :-1])[goes_on].all()


def test_whole_words_are_hidden_at_the_same_rate():
    token_ids, chosen = words()
    assert chosen.sum() / (token_ids > 4).sum() == pytest.approx(15 / 98, abs=0.001)
    begins = chosen[token_ids == 5].mean()
    goes_on = chosen[token_ids == 6].mean()
    assert begins == pytest.approx(goes_on, rel=0.05)


def test_a_packed_row_may_hide_as_much_as_its_examples_would():
    random = np.random.default_rng(0)
    token_ids = random.integers(5, 1000, (8, 300)).astype("int32")
    packing_ids = np.tile(np.repeat([1, 2, 3], 100), (8, 1))
    batch = {"token_ids": token_ids, "padding_mask": np.ones_like(token_ids)}
    packed = batch | {"packing_ids": packing_ids}
    for one, expected in ((dict(batch), 20), (packed, 45)):
        MaskedLM(type="masked_lm").corrupt("mlm", one, random, VOCABULARY)
        assert (one["mlm_weights"].sum(axis=1) == expected).all()


def test_a_tokenizer_without_a_mask_is_refused():
    with pytest.raises(UserMistake, match="the tokenizer has no mask token"):
        MaskedLM(type="masked_lm").check_vocabulary(SimpleNamespace(mask_id=None))
    never = MaskedLM(type="masked_lm", mask_token_rate=0.0)
    never.check_vocabulary(SimpleNamespace(mask_id=None))
