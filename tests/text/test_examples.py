"""Examples made of documents and of parallel text, on ids that can be followed by hand."""

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
    """Documents of sentences of ids: each text is a list of sentence lengths; ids count up from
    10,000 times the document's number."""
    ids, sentences, starts = [], [0], [0]
    for number, lengths in enumerate(texts, start=1):
        ids += [10_000 * number + place for place in range(sum(lengths))]
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


def inside(row):
    """The tokens between start and end, within their document."""
    ids = row["token_ids"].tolist()
    assert (ids[0], ids[-1]) == (2, 3)
    return [token % 10_000 for token in ids[1:-1]]


def test_segments_take_as_many_sentences_as_fit_and_never_cross_documents():
    found = segments([3, 3, 3], [5], [2, 2])
    assert [inside(row) for row in rows(found)] == [
        [0, 1, 2, 3, 4, 5],
        [6, 7, 8],
        [0, 1, 2, 3, 4],
        [0, 1, 2, 3],
    ]
    assert found.lengths[:, 0].tolist() == [8, 5, 7, 6]
    assert not found.skipped


def test_blocks_of_documents_change_nothing(monkeypatch):
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
def test_a_sentence_that_is_too_long_is_dealt_with_as_chosen_and_counted(overlong, expected):
    found = segments([2, 8, 1], overlong=overlong)
    assert [inside(row) for row in rows(found)] == expected
    (skipped,) = found.skipped
    assert (skipped.unit, skipped.count) == ("sentences", 1)
    assert skipped.reason.endswith("because they are longer than data.sequence_length (8 tokens)")


def test_what_is_too_long_is_refused_where_that_is_asked_for():
    for make in (lambda: segments([2, 8, 1], overlong="refuse"),):
        with pytest.raises(
            UserError, match=r"data.overlong: refuse, but 1 sentences are longer than"
        ):
            make()
    with pytest.raises(UserError, match=r"data.overlong: refuse, but 1 pairs are longer than"):
        translations([[11] * 9, [21]], length=8, overlong="refuse")


def test_a_text_of_which_nothing_is_left_is_told():
    with pytest.raises(
        UserError, match=r"all text is longer than data\.sequence_length \(8 tokens\)"
    ):
        segments([9], overlong="drop")


def pairs(*texts, length=12, overlong="truncate", short_rate=0.0, kind=NextPairs):
    return kind(documents(*texts), BOTH, Limits(length, overlong), short_rate)


def natural(seed, count=150):
    """Texts with sentences of 3 to 11 tokens, of 2 to 39 sentences."""
    random = np.random.default_rng(seed)
    return [random.integers(3, 12, random.integers(2, 40)).tolist() for _ in range(count)]


def split(row):
    """The first and second segment of a row, without special tokens."""
    ids, segment_ids = row["token_ids"], row["segment_ids"]
    ends = np.flatnonzero(ids == 3)
    assert ids[0] == 2
    assert len(ends) == 2
    assert segment_ids.tolist() == [0] * (ends[0] + 1) + [1] * (ends[1] - ends[0])
    return ids[1 : ends[0]], ids[ends[0] + 1 : ends[1]]


@pytest.mark.parametrize("short_rate", [0.0, 0.3])
def test_a_true_pair_is_one_run_and_a_random_one_is_of_two_documents(short_rate):
    found = pairs([3, 4, 2], [5, 4], [2, 2, 2, 2], *natural(0), length=24, short_rate=short_rate)
    for row in rows(found) + rows(found, seed=1):
        first, second = split(row)
        assert len(first)
        assert len(second)
        if row["pair_class"]:
            assert first[0] // 10_000 != second[0] // 10_000
        else:
            assert first[0] // 10_000 == second[0] // 10_000
            assert second[0] >= first[-1] + 1


def test_pairs_fill_their_length():
    found = pairs(*natural(0), length=40)
    full = [len(row["token_ids"]) == 40 for row in rows(found)]
    assert np.mean(full) > 0.8
    assert max(len(row["token_ids"]) for row in rows(found)) == 40


def test_some_pairs_are_made_for_a_shorter_length():
    most = [len(row["token_ids"]) for row in rows(pairs(*natural(0), length=40))]
    some = [len(row["token_ids"]) for row in rows(pairs(*natural(0), length=40, short_rate=0.5))]
    assert np.mean(np.array(some) < 30) > np.mean(np.array(most) < 30) + 0.15


def test_segments_in_order_are_of_class_0_and_swapped_ones_of_class_1():
    found = pairs([3, 4, 2], *natural(0, 20), length=24, kind=OrderedPairs)
    for row in rows(found):
        first, second = split(row)
        assert first[0] // 10_000 == second[0] // 10_000
        assert (first[-1] < second[0]) == (row["pair_class"] == 0)
        assert (second[-1] < first[0]) == (row["pair_class"] == 1)


def test_a_single_document_has_pairs_that_can_be_swapped():
    found = pairs([3, 3, 3, 3], kind=OrderedPairs)
    assert {row["pair_class"] for seed in range(9) for row in rows(found, seed=seed)} == {0, 1}


def guessed(found, sign, times=40):
    """How often the commoner class for a sign is right, on rows it was not counted on."""
    drawn = [row for seed in range(times) for row in rows(found, seed=seed)]
    half, seen = len(drawn) // 2, defaultdict(Counter)
    for row in drawn[:half]:
        seen[sign(row)][row["pair_class"]] += 1
    right = [
        max(seen[sign(row)], key=seen[sign(row)].get, default=0) == row["pair_class"]
        for row in drawn[half:]
    ]
    return np.mean(right)


@pytest.mark.parametrize(
    "sign",
    [
        lambda row: len(row["token_ids"]),
        lambda row: int(row["segment_ids"].sum()),
        lambda row: (len(row["token_ids"]), int(row["segment_ids"].sum()) // 4),
    ],
    ids=["length", "second segment's length", "both"],
)
@pytest.mark.parametrize("kind", [NextPairs, OrderedPairs])
def test_lengths_do_not_tell_the_classes_apart(sign, kind):
    assert guessed(pairs(*natural(0, 400), length=40, short_rate=0.1, kind=kind), sign) < 0.54


def test_what_is_cut_does_not_tell_the_order():
    texts = natural(0, 200)
    begins = {
        10_000 * number + int(place)
        for number, lengths in enumerate(texts, start=1)
        for place in np.cumsum([0, *lengths])
    }

    def whole(row):
        first, second = split(row)
        return tuple(int(end) in begins for s in (first, second) for end in (s[0], s[-1] + 1))

    assert guessed(pairs(*texts, length=40, kind=OrderedPairs), whole) < 0.54


@pytest.mark.parametrize("kind", [NextPairs, OrderedPairs])
def test_half_of_the_pairs_are_of_each_class(kind):
    found = pairs(*natural(0), length=40, kind=kind)
    drawn = [row["pair_class"] for seed in range(20) for row in rows(found, seed=seed)]
    assert np.mean(drawn) == pytest.approx(0.5, abs=0.01)


def test_pairs_need_two_documents():
    for texts in ([[3, 3]], [[3, 3, 3, 3, 3, 3]], [[3, 3], [4]]):
        with pytest.raises(UserError, match="two documents"):
            pairs(*texts)


def test_documents_of_one_sentence_make_no_pair_and_are_counted():
    found = pairs([3], [3, 3], [4, 4], [9])
    assert found.skipped == (
        Skipped(
            "documents",
            "documents skipped because they have only one sentence, and a pair needs two",
            2,
        ),
    )


def test_runs_with_an_overlong_sentence_are_dropped_where_that_is_asked_for():
    texts = ([3, 3], [4, 4], [3, 50, 3], [2, 2, 2])
    assert len(pairs(*texts).lengths) == len(pairs(*texts, overlong="drop").lengths) + 1


@pytest.mark.parametrize("overlong", ["truncate", "drop"])
@pytest.mark.parametrize("kind", [NextPairs, OrderedPairs])
def test_a_pair_is_as_long_as_it_says_in_either_class(kind, overlong):
    texts = natural(0, 60)
    texts[3:6] = [[2, 60, 3, 4, 5, 70, 6], [1, 1], [50, 2]]
    found = pairs(*texts, length=40, short_rate=0.3, kind=kind, overlong=overlong)
    for seed in range(9):
        lengths = [len(row["token_ids"]) for row in rows(found, seed=seed)]
        assert lengths == found.lengths[:, 0].tolist()


@pytest.mark.parametrize("texts", [([30, 1], [2, 2]), ([9, 9, 9, 9], [1, 1], [1, 2])])
def test_a_pair_is_no_longer_than_others_can_make_it(texts):
    found = pairs(*texts, length=24)
    drawn = [row for seed in range(20) for row in rows(found, seed=seed)]
    assert {row["pair_class"] for row in drawn} == {0, 1}
    lengths = [len(row["token_ids"]) for row in drawn]
    assert lengths == found.lengths[:, 0].tolist() * 20


def test_dropping_takes_no_other_text_along_and_counts_what_it_takes():
    texts = ([3, 3, 50, 4, 4], [5, 60, 5, 2], [6, 6], [70], [7])
    found = pairs(*texts, length=40, overlong="drop", kind=OrderedPairs)
    assert found.skipped == (
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
    shown = {int(token) for row in rows(found) for part in split(row) for token in part}
    kept = {1: [*range(6), *range(56, 64)], 2: [*range(65, 72)], 3: [*range(12)]}
    assert shown == {10_000 * text + token for text, tokens in kept.items() for token in tokens}


def test_what_is_dropped_is_not_shown_as_another_segment():
    texts = [[3, 3, 90, 4, 4] for _ in range(20)]
    found = pairs(*texts, length=12, overlong="drop")
    assert len(found.lengths) == 40
    for seed in range(9):
        for row in rows(found, seed=seed):
            assert not any(6 <= token % 10_000 < 96 for part in split(row) for token in part)


def test_a_text_of_which_no_pair_is_left_tells_why():
    for texts in ([[3, 50], [50, 4]], [[3, 3], [50, 4]]):
        with pytest.raises(
            UserError,
            match=r"sentences dropped because .* data\.sequence_length \(12 tokens\)",
        ):
            pairs(*texts, overlong="drop")


def test_shortening_goes_by_turns_once_both_are_equally_long():
    for first, second, room, left in ((9, 7, 11, (6, 5)), (7, 9, 11, (6, 5)), (4, 4, 7, (4, 3))):
        cut = truncate_pair([1] * first, [2] * second, room, np.random.default_rng(0))
        assert tuple(map(len, cut)) == left


def test_shortening_takes_from_the_longer_segment():
    first, second = truncate_pair([1] * 9, [2] * 3, max_tokens=8, random=np.random.default_rng(0))
    assert (len(first), len(second)) == (5, 3)


def test_shortening_takes_from_both_ends():
    random = np.random.default_rng(0)
    cut = [truncate_pair([*range(9)], [9] * 3, 8, random)[0] for _ in range(50)]
    assert {first[0] for first in cut} > {0, 1}
    assert all(first == [*range(first[0], first[0] + 5)] for first in cut)


def translations(*pairs, length=10, overlong="drop"):
    def flat(side):
        texts = [pair[side] for pair in pairs]
        return np.concatenate(texts), np.cumsum([0, *(len(text) for text in texts)])

    (source, source_offsets), (target, target_offsets) = flat(0), flat(1)
    tokens = pair_tokens(RaggedText(source, source_offsets), RaggedText(target, target_offsets))
    return Translations(tokens, BOTH, Limits(length, overlong))


def test_the_decoder_reads_what_it_is_to_write_one_place_later():
    first, second = rows(translations([[11, 12], [21]], [[13], [22, 23]]))
    assert {name: ids.tolist() for name, ids in first.items()} == {
        "encoder_token_ids": [11, 12, 3],
        "decoder_token_ids": [2, 21],
        "decoder_targets": [21, 3],
    }
    assert second["decoder_targets"].tolist() == [22, 23, 3]


def test_pairs_over_the_length_are_left_out_and_counted():
    found = translations([[11] * 5, [21]], [[13], [22]], length=5)
    assert found.skipped == (
        Skipped(
            "pairs", "pairs dropped because they are longer than data.sequence_length (5 tokens)", 1
        ),
    )
    assert found.lengths.tolist() == [[2, 2]]


def test_pairs_over_the_length_are_cut_where_that_is_asked_for():
    found = translations([[11] * 5, [21]], [[13], [22]], length=5, overlong="truncate")
    assert found.skipped == (
        Skipped(
            "pairs",
            "pairs truncated because they are longer than data.sequence_length (5 tokens)",
            1,
        ),
    )
    assert found.lengths.tolist() == [[5, 2], [2, 2]]
    assert rows(found)[0]["encoder_token_ids"].tolist() == [11, 11, 11, 11, 3]
