"""Examples of documents and of parallel text, on ids that can be checked by hand."""

from collections import Counter, defaultdict
from types import SimpleNamespace

import numpy as np
import pytest

from archbuilder.errors import UserError
from archbuilder.text.examples import Limits, NextPairs, OrderedPairs, Segments, Translations
from archbuilder.text.examples import documents as module
from archbuilder.text.examples.pairs import truncate_pair
from archbuilder.text.skipped import Skipped
from archbuilder.text.token_store import RaggedText
from tests.tokens import document_tokens, pair_tokens

VOCABULARY = SimpleNamespace(padding_id=0, start_id=2, end_id=3)
BOTH = (VOCABULARY, VOCABULARY)


def documents(*texts):
    """Return documents, given the lengths of their sentences.

    The token ids of document n, counted from 1, count up from 10,000 * n.
    """
    ids, sentences, starts = [], [0], [0]
    for number, lengths in enumerate(texts, start=1):
        ids += [10_000 * number + index for index in range(sum(lengths))]
        for length in lengths:
            sentences.append(sentences[-1] + length)
        starts.append(len(sentences) - 1)
    return document_tokens(ids, sentences, starts)


def rows(examples, indices=None, seed=0):
    random = np.random.default_rng(seed)
    indices = range(len(examples.lengths)) if indices is None else indices
    return [examples.row(index, random) for index in indices]


def segments(*texts, length=8, overlong="split"):
    return Segments(documents(*texts), BOTH, Limits(length, overlong))


def token_indices(row):
    """Return the indices, within their document, of the tokens between start and end."""
    ids = row["token_ids"].tolist()
    assert (ids[0], ids[-1]) == (2, 3)
    return [token % 10_000 for token in ids[1:-1]]


def test_segments_have_as_many_sentences_of_one_document_as_fit():
    examples = segments([3, 3, 3], [5], [2, 2])
    assert [token_indices(row) for row in rows(examples)] == [
        [0, 1, 2, 3, 4, 5],
        [6, 7, 8],
        [0, 1, 2, 3, 4],
        [0, 1, 2, 3],
    ]
    assert examples.lengths[:, 0].tolist() == [8, 5, 7, 6]
    assert not examples.skipped


def test_segments_do_not_depend_on_the_block_size(monkeypatch):
    texts = [np.random.default_rng(n).integers(1, 9, 12).tolist() for n in range(9)]
    whole = [row["token_ids"].tolist() for row in rows(segments(*texts))]
    monkeypatch.setattr(module, "BLOCK", 20)
    assert [row["token_ids"].tolist() for row in rows(segments(*texts))] == whole


@pytest.mark.parametrize(
    ("overlong", "expected"),
    [
        ("split", [[0, 1], [2, 3, 4, 5, 6, 7], [8, 9], [10]]),
        ("truncate", [[0, 1], [2, 3, 4, 5, 6, 7], [10]]),
        ("drop", [[0, 1], [10]]),
    ],
)
def test_overlong_sentence_is_treated_as_configured_and_counted(overlong, expected):
    examples = segments([2, 8, 1], overlong=overlong)
    assert [token_indices(row) for row in rows(examples)] == expected
    (skipped,) = examples.skipped
    assert (skipped.unit, skipped.count) == ("sentences", 1)
    assert skipped.reason.endswith("because they are longer than data.sequence_length (8 tokens)")


def test_overlong_text_is_refused_if_configured():
    with pytest.raises(UserError, match=r"data.overlong: refuse, but 1 sentences are longer than"):
        segments([2, 8, 1], overlong="refuse")
    with pytest.raises(UserError, match=r"data.overlong: refuse, but 1 pairs are longer than"):
        translations([[11] * 9, [21]], length=8, overlong="refuse")


def test_text_without_examples_is_an_error():
    with pytest.raises(
        UserError, match=r"all text is longer than data\.sequence_length \(8 tokens\)"
    ):
        segments([9], overlong="drop")


def pairs(*texts, length=12, overlong="truncate", short_rate=0.0, pair_class=NextPairs):
    return pair_class(documents(*texts), BOTH, Limits(length, overlong), short_rate)


def random_texts(seed, count=150):
    """Return texts of 2 to 39 sentences, with 3 to 11 tokens each."""
    random = np.random.default_rng(seed)
    return [random.integers(3, 12, random.integers(2, 40)).tolist() for _ in range(count)]


def split(row):
    """Return the first and the second segment of a row, without special tokens."""
    ids, segment_ids = row["token_ids"], row["segment_ids"]
    ends = np.flatnonzero(ids == 3)
    assert ids[0] == 2
    assert len(ends) == 2
    assert segment_ids.tolist() == [0] * (ends[0] + 1) + [1] * (ends[1] - ends[0])
    return ids[1 : ends[0]], ids[ends[0] + 1 : ends[1]]


@pytest.mark.parametrize("short_rate", [0.0, 0.3])
def test_positive_pairs_are_consecutive_and_negative_pairs_cross_documents(short_rate):
    examples = pairs(
        [3, 4, 2], [5, 4], [2, 2, 2, 2], *random_texts(0), length=24, short_rate=short_rate
    )
    for row in rows(examples) + rows(examples, seed=1):
        first, second = split(row)
        assert len(first)
        assert len(second)
        if row["pair_class"]:
            assert first[0] // 10_000 != second[0] // 10_000
        else:
            assert first[0] // 10_000 == second[0] // 10_000
            assert second[0] >= first[-1] + 1


def test_most_pairs_have_the_maximum_length():
    examples = pairs(*random_texts(0), length=40)
    full = [len(row["token_ids"]) == 40 for row in rows(examples)]
    assert np.mean(full) > 0.8
    assert max(len(row["token_ids"]) for row in rows(examples)) == 40


def test_short_rate_shortens_pairs():
    full = [len(row["token_ids"]) for row in rows(pairs(*random_texts(0), length=40))]
    shortened = [
        len(row["token_ids"]) for row in rows(pairs(*random_texts(0), length=40, short_rate=0.5))
    ]
    assert np.mean(np.array(shortened) < 30) > np.mean(np.array(full) < 30) + 0.15


def test_ordered_segments_have_class_0_and_swapped_ones_class_1():
    examples = pairs([3, 4, 2], *random_texts(0, 20), length=24, pair_class=OrderedPairs)
    for row in rows(examples):
        first, second = split(row)
        assert first[0] // 10_000 == second[0] // 10_000
        assert (first[-1] < second[0]) == (row["pair_class"] == 0)
        assert (second[-1] < first[0]) == (row["pair_class"] == 1)


def test_single_document_yields_swapped_pairs():
    examples = pairs([3, 3, 3, 3], pair_class=OrderedPairs)
    assert {row["pair_class"] for seed in range(9) for row in rows(examples, seed=seed)} == {0, 1}


def prediction_accuracy(examples, feature, times=40):
    """Return the accuracy of predicting the class from a feature, on held-out rows.

    The prediction is the most frequent class of the rows with the same feature.
    """
    sampled = [row for seed in range(times) for row in rows(examples, seed=seed)]
    half, counts = len(sampled) // 2, defaultdict(Counter)
    for row in sampled[:half]:
        counts[feature(row)][row["pair_class"]] += 1
    is_correct = [
        max(counts[feature(row)], key=counts[feature(row)].get, default=0) == row["pair_class"]
        for row in sampled[half:]
    ]
    return np.mean(is_correct)


@pytest.mark.parametrize(
    "feature",
    [
        lambda row: len(row["token_ids"]),
        lambda row: int(row["segment_ids"].sum()),
        lambda row: (len(row["token_ids"]), int(row["segment_ids"].sum()) // 4),
    ],
    ids=["length", "second segment's length", "both"],
)
@pytest.mark.parametrize("pair_class", [NextPairs, OrderedPairs])
def test_lengths_do_not_reveal_the_class(feature, pair_class):
    assert (
        prediction_accuracy(
            pairs(*random_texts(0, 400), length=40, short_rate=0.1, pair_class=pair_class), feature
        )
        < 0.54
    )


def test_truncation_does_not_reveal_the_order():
    texts = random_texts(0, 200)
    sentence_starts = {
        10_000 * number + int(start)
        for number, lengths in enumerate(texts, start=1)
        for start in np.cumsum([0, *lengths])
    }

    def is_whole(row):
        first, second = split(row)
        return tuple(
            int(end) in sentence_starts for s in (first, second) for end in (s[0], s[-1] + 1)
        )

    assert prediction_accuracy(pairs(*texts, length=40, pair_class=OrderedPairs), is_whole) < 0.54


@pytest.mark.parametrize("pair_class", [NextPairs, OrderedPairs])
def test_half_of_the_pairs_have_each_class(pair_class):
    examples = pairs(*random_texts(0), length=40, pair_class=pair_class)
    sampled = [row["pair_class"] for seed in range(20) for row in rows(examples, seed=seed)]
    assert np.mean(sampled) == pytest.approx(0.5, abs=0.01)


def test_pairs_need_two_documents():
    for texts in ([[3, 3]], [[3, 3, 3, 3, 3, 3]], [[3, 3], [4]]):
        with pytest.raises(UserError, match="two documents"):
            pairs(*texts)


def test_documents_of_one_sentence_are_skipped_and_counted():
    examples = pairs([3], [3, 3], [4, 4], [9])
    assert examples.skipped == (
        Skipped(
            "documents",
            "documents skipped because they have only one sentence, and a pair needs two",
            2,
        ),
    )


def test_runs_with_an_overlong_sentence_are_dropped_if_configured():
    texts = ([3, 3], [4, 4], [3, 50, 3], [2, 2, 2])
    assert len(pairs(*texts).lengths) == len(pairs(*texts, overlong="drop").lengths) + 1


@pytest.mark.parametrize("overlong", ["truncate", "drop"])
@pytest.mark.parametrize("pair_class", [NextPairs, OrderedPairs])
def test_lengths_match_the_rows_in_both_classes(pair_class, overlong):
    texts = random_texts(0, 60)
    texts[3:6] = [[2, 60, 3, 4, 5, 70, 6], [1, 1], [50, 2]]
    examples = pairs(*texts, length=40, short_rate=0.3, pair_class=pair_class, overlong=overlong)
    for seed in range(9):
        lengths = [len(row["token_ids"]) for row in rows(examples, seed=seed)]
        assert lengths == examples.lengths[:, 0].tolist()


@pytest.mark.parametrize("texts", [([30, 1], [2, 2]), ([9, 9, 9, 9], [1, 1], [1, 2])])
def test_pairs_are_limited_by_the_length_of_other_documents(texts):
    examples = pairs(*texts, length=24)
    sampled = [row for seed in range(20) for row in rows(examples, seed=seed)]
    assert {row["pair_class"] for row in sampled} == {0, 1}
    lengths = [len(row["token_ids"]) for row in sampled]
    assert lengths == examples.lengths[:, 0].tolist() * 20


def test_only_overlong_and_unpaired_sentences_are_dropped_and_counted():
    texts = ([3, 3, 50, 4, 4], [5, 60, 5, 2], [6, 6], [70], [7])
    examples = pairs(*texts, length=40, overlong="drop", pair_class=OrderedPairs)
    assert examples.skipped == (
        Skipped(
            "sentences",
            "sentences dropped because they are longer than data.sequence_length (40 tokens)",
            3,
        ),
        Skipped(
            "documents",
            "documents skipped because they have only one sentence, and a pair needs two",
            1,
        ),
        Skipped(
            "sentences", "sentences skipped because both neighbors were dropped or do not exist", 1
        ),
    )
    used_tokens = {int(token) for row in rows(examples) for part in split(row) for token in part}
    expected = {1: [*range(6), *range(56, 64)], 2: [*range(65, 72)], 3: [*range(12)]}
    assert used_tokens == {
        10_000 * text + token for text, tokens in expected.items() for token in tokens
    }


def test_dropped_text_is_not_sampled_as_second_segment():
    texts = [[3, 3, 90, 4, 4] for _ in range(20)]
    examples = pairs(*texts, length=12, overlong="drop")
    assert len(examples.lengths) == 40
    for seed in range(9):
        for row in rows(examples, seed=seed):
            assert not any(6 <= token % 10_000 < 96 for part in split(row) for token in part)


def test_error_for_text_without_pairs_gives_the_reason():
    for texts in ([[3, 50], [50, 4]], [[3, 3], [50, 4]]):
        with pytest.raises(
            UserError,
            match=r"sentences dropped because .* data\.sequence_length \(12 tokens\)",
        ):
            pairs(*texts, overlong="drop")


def test_equally_long_segments_are_truncated_in_turn():
    for first, second, max_tokens, expected in (
        (9, 7, 11, (6, 5)),
        (7, 9, 11, (6, 5)),
        (4, 4, 7, (4, 3)),
    ):
        truncated = truncate_pair([1] * first, [2] * second, max_tokens, np.random.default_rng(0))
        assert tuple(map(len, truncated)) == expected


def test_longer_segment_is_truncated_first():
    first, second = truncate_pair([1] * 9, [2] * 3, max_tokens=8, random=np.random.default_rng(0))
    assert (len(first), len(second)) == (5, 3)


def test_segments_are_truncated_at_both_ends():
    random = np.random.default_rng(0)
    truncated = [truncate_pair([*range(9)], [9] * 3, 8, random)[0] for _ in range(50)]
    assert {first[0] for first in truncated} > {0, 1}
    assert all(first == [*range(first[0], first[0] + 5)] for first in truncated)


def translations(*pairs, length=10, overlong="drop"):
    def flatten(side):
        texts = [pair[side] for pair in pairs]
        return np.concatenate(texts), np.cumsum([0, *(len(text) for text in texts)])

    (source, source_offsets), (target, target_offsets) = flatten(0), flatten(1)
    tokens = pair_tokens(RaggedText(source, source_offsets), RaggedText(target, target_offsets))
    return Translations(tokens, BOTH, Limits(length, overlong))


def test_decoder_input_is_the_target_shifted_by_one():
    first, second = rows(translations([[11, 12], [21]], [[13], [22, 23]]))
    assert {name: ids.tolist() for name, ids in first.items()} == {
        "encoder_token_ids": [11, 12, 3],
        "decoder_token_ids": [2, 21],
        "decoder_targets": [21, 3],
    }
    assert second["decoder_targets"].tolist() == [22, 23, 3]


def test_overlong_pairs_are_dropped_and_counted():
    examples = translations([[11] * 5, [21]], [[13], [22]], length=5)
    assert examples.skipped == (
        Skipped(
            "pairs", "pairs dropped because they are longer than data.sequence_length (5 tokens)", 1
        ),
    )
    assert examples.lengths.tolist() == [[2, 2]]


def test_overlong_pairs_are_truncated_if_configured():
    examples = translations([[11] * 5, [21]], [[13], [22]], length=5, overlong="truncate")
    assert examples.skipped == (
        Skipped(
            "pairs",
            "pairs truncated because they are longer than data.sequence_length (5 tokens)",
            1,
        ),
    )
    assert examples.lengths.tolist() == [[5, 2], [2, 2]]
    assert rows(examples)[0]["encoder_token_ids"].tolist() == [11, 11, 11, 11, 3]
