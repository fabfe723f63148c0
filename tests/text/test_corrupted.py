"""Corrupted text: sources and targets, on ids that can be checked by hand."""

from math import exp, factorial
from types import SimpleNamespace

import numpy as np
import pytest

from archbuilder.errors import UserError
from archbuilder.text.examples import CorruptedSpans, Limits, NoisyText
from archbuilder.text.examples.corrupted import (
    corrupted_lengths,
    max_run_tokens,
    num_sentinels,
)
from archbuilder.text.examples.spans import (
    Corruption,
    sample_poisson_lengths,
    sample_span_lengths,
    sample_span_positions,
    split_spans,
)
from tests.tokens import document_tokens

T5 = Corruption(rate=0.15, mean_length=3.0)
BART = Corruption(rate=0.3, mean_length=3.0)
SENTINELS = tuple(range(500, 540))
VOCABULARY = SimpleNamespace(start_id=2, end_id=3, mask_id=4, sentinel_ids=SENTINELS)
BOTH = (VOCABULARY, VOCABULARY)


def documents(*texts):
    """Return documents, given the lengths of their sentences; token ids count up from 1,000."""
    lengths = [length for text in texts for length in text]
    sentences = np.cumsum([0, *lengths])
    starts = np.cumsum([0, *(len(text) for text in texts)])
    ids = 1000 + np.arange(sentences[-1])
    return document_tokens(ids, sentences, starts)


def sample_rows(examples, times=5):
    random = np.random.default_rng(0)
    rows = range(len(examples.lengths))
    return [(index, examples.row(index, random)) for _ in range(times) for index in rows]


def random_documents(count=60):
    random = np.random.default_rng(0)
    return [random.integers(1, 20, random.integers(1, 12)).tolist() for _ in range(count)]


def test_lengths_match_the_reference_implementation():
    assert max_run_tokens(512, T5) == 568
    source, target = corrupted_lengths(np.array([568]), T5)[0]
    assert (source, target) == (512, 114 + 1)  # Here, the target also has the final sentinel.
    assert num_sentinels(512, T5) == 29


@pytest.mark.parametrize("rate", [0.05, 0.15, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("mean", [1.0, 3.0, 10.0])
@pytest.mark.parametrize("length", [8, 9, 24, 128])
def test_longest_run_fits_and_a_longer_one_does_not(length, mean, rate):
    corruption = Corruption(rate, mean)
    max_tokens = max_run_tokens(length, corruption)
    lengths = corrupted_lengths(np.arange(1, max_tokens + 2), corruption)
    assert (lengths[:-1] <= length).all()
    assert (lengths[-1] > length).any()


def reconstruct(source, target):
    """Return the original text, with each sentinel replaced by its span, and the span lengths."""
    spans, text = {}, []
    for token in target[:-1]:
        if token in SENTINELS:
            span = spans[token] = []
        else:
            span.append(token)
    for token in source[:-1]:
        text += spans[token] if token in SENTINELS else [token]
    return text, [len(span) for span in spans.values()]


def test_source_and_target_reconstruct_the_text():
    examples = CorruptedSpans(documents(*random_documents()), BOTH, Limits(64, "split"), T5)
    for index, row in sample_rows(examples):
        source, target = row["encoder_token_ids"].tolist(), row["decoder_targets"].tolist()
        text, lengths = reconstruct(source, target)
        start = examples.starts[index]
        assert text == (1000 + np.arange(start, start + examples.tokens[index])).tolist()
        assert (source[-1], target[-1]) == (3, 3)
        assert [token for token in target if token in SENTINELS] == [*SENTINELS[: len(lengths)]]
        assert min(lengths[:-1]) >= 1
        assert lengths[-1] == 0  # The last sentinel marks the end.
        assert [len(source), len(target)] == examples.lengths[index].tolist()
        assert row["decoder_token_ids"].tolist() == [2, *target[:-1]]


def test_spans_are_sampled_each_time():
    examples = CorruptedSpans(documents([30, 30]), BOTH, Limits(128, "split"), T5)
    sources = {tuple(row["encoder_token_ids"].tolist()) for _, row in sample_rows(examples, 20)}
    assert len(sources) == 20


def test_too_few_sentinels_are_an_error():
    vocabulary = SimpleNamespace(**vars(VOCABULARY) | {"sentinel_ids": (1, 2)})
    with pytest.raises(UserError, match=r"has 2 of the 8 sentinel tokens.* 'sentinels: 8'"):
        CorruptedSpans(documents([9, 9]), (vocabulary, vocabulary), Limits(128, "split"), T5)


def noisy(*texts, length=64, permute=True, corruption=BART):
    return NoisyText(documents(*texts), BOTH, Limits(length, "split"), corruption, permute)


def test_target_is_the_text_and_source_is_never_longer():
    examples = noisy(*random_documents(), length=30)
    for index, row in sample_rows(examples, 20):
        start, tokens = examples.starts[index], examples.tokens[index]
        text = (1000 + np.arange(start, start + tokens)).tolist()
        source = row["encoder_token_ids"].tolist()
        assert row["decoder_targets"].tolist() == [*text, 3]
        assert row["decoder_token_ids"].tolist() == [2, *text]
        assert (source[0], source[-1]) == (2, 3)
        assert len(source) == examples.lengths[index, 0] <= 30
        intact = [token for token in source[1:-1] if token != 4]
        assert set(intact) <= set(text)
        assert len(intact) == tokens - max(1, min(round(0.3 * tokens), tokens - 1))


def test_sentences_are_permuted_as_a_whole_if_enabled():
    minimal = Corruption(rate=0.01, mean_length=1.0)  # One token of each text.
    orders = set()
    for permute in (False, True):
        examples = noisy([3, 4, 2], [5, 5], permute=permute, corruption=minimal)
        for index, row in sample_rows(examples, 60):
            ids = [token for token in row["encoder_token_ids"].tolist() if token > 4]
            sentences = np.searchsorted([1003, 1007, 1009, 1014], ids, side="right")
            changes = sentences[np.flatnonzero(np.diff(sentences, prepend=-1))]
            assert len(set(changes)) == len(changes)
            steps = np.diff(ids)[np.diff(sentences) == 0]
            assert ((steps == 1) | (steps == 2)).all()
            if not permute:
                assert ids == sorted(ids)
            elif index == 0:
                orders.add(tuple(changes))
    assert len(orders) == 6


def test_span_lengths_add_up_and_are_equally_likely():
    random = np.random.default_rng(0)
    samples = [tuple(sample_span_lengths(5, 3, random)) for _ in range(6000)]
    counts = {lengths: samples.count(lengths) for lengths in set(samples)}
    assert (
        len(counts) == 6
    )  # The number of ways to write 5 as an ordered sum of three positive integers.
    assert all(sum(lengths) == 5 for lengths in counts)
    assert min(counts.values()) > 900


def test_poisson_lengths_add_up_and_are_at_most_as_many_as_tokens():
    random = np.random.default_rng(0)
    for total in (1, 2, 3, 10, 100):
        for mean in (1.0, 3.0):
            spans = int(Corruption(0.99, mean).num_infills(total))
            lengths = sample_poisson_lengths(total, spans, random)
            assert lengths.sum() == total
            assert len(lengths) <= total


def test_poisson_lengths_follow_the_poisson_distribution():
    lengths = sample_poisson_lengths(300_000, 100_000, np.random.default_rng(0))
    frequencies = np.bincount(lengths)[:6] / len(lengths)
    expected = [exp(-3) * 3**k / factorial(k) for k in range(6)]
    np.testing.assert_allclose(frequencies, expected, atol=0.005)


def test_span_positions_are_equally_likely_and_keep_their_distance():
    random = np.random.default_rng(0)
    samples = [tuple(sample_span_positions(2, 3, 1, random).tolist()) for _ in range(6000)]
    assert set(samples) == {(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)}
    assert min(map(samples.count, set(samples))) > 900
    assert {tuple(sample_span_positions(2, 1, 0, random)) for _ in range(99)} == {
        (0, 0),
        (0, 1),
        (1, 1),
    }


def test_split_spans_separates_intact_and_corrupted_tokens():
    intact, corrupted = split_spans(np.arange(6), np.array([2, 0, 1]), np.array([1, 1, 3]))
    assert intact.tolist() == [0, 3, 4]
    assert corrupted.tolist() == [1, 2, 5]
