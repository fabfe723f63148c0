"""Rates at which objectives corrupt over 100,000 tokens, compared with the papers."""

from types import SimpleNamespace

import numpy as np
import pytest

from archbuilder.batches.batch_sampler import BatchSize
from archbuilder.batches.batches import Batches
from archbuilder.objectives.denoising import Denoising
from archbuilder.objectives.masked_lm import MaskedLM
from archbuilder.objectives.next_sentence import NextSentence
from archbuilder.objectives.replaced_token_detection import ReplacedTokenDetection
from archbuilder.objectives.selection import SpanSelection, TokenSelection, WholeWordSelection
from archbuilder.objectives.sentence_order import SentenceOrder
from archbuilder.objectives.span_corruption import SpanCorruption
from archbuilder.text.batch import TOKEN_SEQUENCES
from archbuilder.text.examples import Limits
from tests.tokens import document_tokens

INPUTS = tuple(name for names in TOKEN_SEQUENCES.values() for name in names)
LENGTH = 128
FIRST = 100
"""First ordinary id; each token of the text has its own id."""
SENTINELS = tuple(range(5, 50))


def word_starts(token_ids):
    """Return which tokens start a word, of one to three tokens; special tokens are words."""
    return (token_ids % 7 != 1) & (token_ids % 7 != 4) & (token_ids % 7 != 5) | (token_ids < FIRST)


VOCABULARY = SimpleNamespace(
    padding_id=0,
    start_id=2,
    end_id=3,
    mask_id=4,
    special_ids=(0, 1, 2, 3, 4),
    sentinel_ids=SENTINELS,
    size=30_000,
    word_starts=word_starts,
)


def documents():
    """Return documents of 2 to 59 sentences of 3 to 29 tokens, over 150,000 tokens in all."""
    random = np.random.default_rng(0)
    texts = [random.integers(3, 30, random.integers(2, 60)) for _ in range(320)]
    sentences = np.cumsum([0, *np.concatenate(texts)])
    starts = np.cumsum([0, *map(len, texts)])
    ids = FIRST + np.arange(sentences[-1])
    return document_tokens(ids, sentences, starts)


def batches(objective):
    """Return the batches of an epoch, of over 100,000 tokens."""
    name, text = objective.type, documents()
    limits = Limits(LENGTH, objective.examples.overlong[0])
    examples = objective.make_examples(text, (VOCABULARY, VOCABULARY), limits)
    budget = BatchSize(tokens=4096, rows=None, max_length=LENGTH)
    vocabularies = (VOCABULARY, VOCABULARY)
    all_batches = Batches(
        [(1.0, examples)], {name: objective}, vocabularies, budget, seed=0, inputs=INPUTS
    )
    epoch = [all_batches[number] for number in range(len(all_batches))]
    assert sum(int((ids(batch) >= 0).sum()) for batch in epoch) > 100_000
    return epoch


def ids(batch):
    return batch.inputs[batch.sequences()[0].token_ids]


def masked(objective):
    """Return the fraction of tokens that are selected, and the fractions of these by kind.

    Kinds are masked, replaced and unchanged tokens; special tokens are never selected.
    """
    totals = np.zeros(5)
    name = objective.type
    for batch in batches(objective):
        counts = batch.targets[name].weights > 0
        read_ids = np.take_along_axis(ids(batch), batch.inputs[f"{name}_positions"], axis=1)[counts]
        targets = batch.targets[name].ids[counts]
        assert (targets >= FIRST).all()
        real = batch.inputs["padding_mask"] > 0
        special = np.isin(ids(batch), (0, 2, 3)) & real
        is_masked, is_unchanged = read_ids == 4, read_ids == targets
        kinds = is_masked.sum(), (~is_masked & ~is_unchanged).sum(), is_unchanged.sum()
        totals += [(real & ~special).sum(), len(targets), *kinds]
    tokens, selected, *kinds = totals
    return selected / tokens, np.array(kinds) / selected


@pytest.mark.parametrize(
    "selection",
    [
        TokenSelection(type="tokens"),
        WholeWordSelection(type="whole_words"),
        SpanSelection(type="spans"),
    ],
    ids=lambda selection: selection.type,
)
def test_masked_lm_selects_15_percent_and_splits_them_80_10_10(selection):
    """Devlin et al., 2018, appendix A.1; Joshi et al., 2020, section 3.1, has the same rates."""
    rate, kinds = masked(
        MaskedLM(type="masked_lm", mask_selection=selection, mask_selection_length=40)
    )
    assert rate == pytest.approx(0.15, abs=0.003)
    few = selection.masks_whole_units  # There are fewer spans than tokens, so rates vary more.
    np.testing.assert_allclose(kinds, [0.8, 0.1, 0.1], atol=0.03 if few else 0.01)


def test_span_corruption_removes_15_percent_in_spans_of_3():
    """Raffel et al., 2020, section 3.1.4."""
    removed = spans = tokens = 0
    for batch in batches(SpanCorruption(type="span_corruption")):
        source, target = ids(batch), batch.targets["span_corruption"].ids
        removed += (target >= FIRST).sum()
        tokens += (target >= FIRST).sum() + (source >= FIRST).sum()
        spans += np.isin(source, SENTINELS).sum()
    assert removed / tokens == pytest.approx(0.15, abs=0.003)
    assert removed / spans == pytest.approx(3.0, abs=0.1)


def test_span_corruption_removes_all_positions_equally_except_near_the_ends():
    random = np.random.default_rng(0)
    objective = SpanCorruption(type="span_corruption")
    text = document_tokens(FIRST + np.arange(100), [0, 100], [0, 1])
    examples = objective.make_examples(text, (VOCABULARY, VOCABULARY), Limits(LENGTH, "split"))
    removed = np.zeros(100)
    for _ in range(4000):
        target = examples.row(0, random)["decoder_targets"]
        removed[target[target >= FIRST] - FIRST] += 1 / 4000
    assert removed.mean() == pytest.approx(0.15)
    np.testing.assert_allclose(removed[3:-3], 0.154, atol=0.02)


def test_denoising_masks_30_percent_in_poisson_spans_of_3():
    """Lewis et al., 2020, section 2.2 and 5.1 (its large models): 30%, lambda 3."""
    objective = Denoising(type="denoising", permute_sentences=False)
    masked = masks = tokens = empty = single = 0
    for batch in batches(objective):
        source, target = ids(batch), batch.targets["denoising"].ids
        visible, is_mask = source >= FIRST, source == 4
        tokens += (target >= FIRST).sum()
        masked += (target >= FIRST).sum() - visible.sum()
        masks += is_mask.sum()
        between = visible[:, :-2] & is_mask[:, 1:-1] & visible[:, 2:]
        single += between.sum()
        empty += (between & (source[:, 2:] - source[:, :-2] == 1)).sum()
    assert masked / tokens == pytest.approx(0.3, abs=0.003)
    assert masked / masks == pytest.approx(3.0, abs=0.1)
    assert empty / single == pytest.approx(np.exp(-3), abs=0.01)


def test_replaced_token_detection_masks_15_percent_and_classifies_all_tokens():
    """Clark et al., 2020, section 2 and table 6."""
    name, masked, tokens = "replaced_token_detection", 0, 0
    for batch in batches(ReplacedTokenDetection(type=name)):
        token_ids, real = ids(batch), batch.inputs["padding_mask"] > 0
        masked += (token_ids == 4).sum()
        tokens += (real & ~np.isin(token_ids, (2, 3))).sum()
        assert not ((token_ids == 4) & ~real).any()
        assert (batch.targets[name].weights == real).all()
        assert (batch.targets[f"{name}_generator"].weights.sum() == (token_ids == 4).sum()).all()
    assert masked / tokens == pytest.approx(0.15, abs=0.003)


@pytest.mark.parametrize("objective", [SentenceOrder, NextSentence])
def test_half_of_the_pairs_are_of_each_class(objective):
    """Lan et al., 2020, section 3.1; Devlin et al., 2018, section 3.1."""
    name = "sentence_order" if objective is SentenceOrder else "next_sentence"
    epoch = batches(objective(type=name))
    targets = np.concatenate([batch.targets[name].ids for batch in epoch])
    assert targets.mean() == pytest.approx(0.5, abs=3 * 0.5 / len(targets) ** 0.5)
