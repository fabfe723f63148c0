"""Examples made of documents and of parallel text, on ids that can be followed by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from archbuilder.mistake import UserMistake
from archbuilder.text.examples import Pairs, Segments, Translations, long_runs, runs, shortened

VOCABULARY = SimpleNamespace(padding_id=0, start_id=2, end_id=3)


def documents(*texts):
    """Documents of sentences of ids: each text is a list of sentence lengths; ids count up from 10
    within a document, and each document has its own hundred."""
    ids, sentences, starts = [], [0], [0]
    for number, lengths in enumerate(texts, start=1):
        ids += [100 * number + place for place in range(sum(lengths))]
        for length in lengths:
            sentences.append(sentences[-1] + length)
        starts.append(len(sentences) - 1)
    arrays = (np.array(values) for values in (ids, sentences, starts))
    return SimpleNamespace(**dict(zip(("ids", "sentences", "documents"), arrays, strict=True)))


def test_runs_take_as_many_sentences_as_fit_and_never_cross_documents():
    found = runs(documents([3, 3, 3], [5], [2, 2]), room=6)
    assert found.tolist() == [[0, 2], [2, 3], [3, 4], [4, 6]]


def test_runs_of_pairs_fill_the_room_with_two_sentences_or_more():
    found = long_runs(documents([3, 2, 3, 3], [5], [9, 9], [2, 2, 2, 2, 2, 2]), room=6)
    assert found.tolist() == [[0, 4], [5, 7], [7, 10], [10, 13]]


def test_segments_stand_between_start_and_end():
    segments = Segments(documents([2, 1], [9]), VOCABULARY, sequence_length=6)
    batch = segments.collate(np.array([0, 1]), np.random.default_rng(0))
    assert batch["token_ids"].tolist() == [[2, 100, 101, 102, 3, 0], [2, 200, 201, 202, 203, 3]]
    assert batch["padding_mask"].tolist() == [[1, 1, 1, 1, 1, 0], [1] * 6]
    assert segments.lengths[:, 0].tolist() == [5, 6]


def collated(rows=2000):
    source = Pairs(documents([3, 4, 2], [5, 4], [2, 2, 2, 2]), VOCABULARY, sequence_length=12)
    indices = np.resize(np.arange(len(source.lengths)), rows)
    return source.collate(indices, np.random.default_rng(0))


def split(row, segments):
    """The first and second segment of a row, without special tokens."""
    ends = np.flatnonzero(row == 3)
    assert row[0] == 2
    assert len(ends) == 2
    assert segments.tolist()[: ends[1] + 1] == [0] * (ends[0] + 1) + [1] * (ends[1] - ends[0])
    return row[1 : ends[0]], row[ends[0] + 1 : ends[1]]


def test_a_true_pair_is_one_run_and_a_random_one_is_of_two_documents():
    batch = collated()
    for row, segments, is_random in zip(
        batch["token_ids"], batch["segment_ids"], batch["random_next"], strict=True
    ):
        first, second = split(row, segments)
        assert len(first)
        assert len(second)
        if is_random:
            assert first[0] // 100 != second[0] // 100
        else:
            assert second[0] == first[-1] + 1


def test_length_does_not_tell_the_classes_apart():
    random = np.random.default_rng(0)
    texts = [random.integers(3, 12, random.integers(4, 40)).tolist() for _ in range(200)]
    source = Pairs(documents(*texts), VOCABULARY, sequence_length=40)
    batch = source.collate(np.arange(len(source.lengths)), random)
    lengths, is_random = batch["padding_mask"].sum(axis=1), batch["random_next"] > 0
    assert lengths[is_random].mean() == pytest.approx(lengths[~is_random].mean(), rel=0.02)


def test_half_of_the_pairs_are_random():
    assert collated(4000)["random_next"].mean() == pytest.approx(0.5, abs=0.03)


def test_no_pair_is_longer_than_planned():
    assert (collated()["padding_mask"].sum(axis=1) <= 12).all()


def test_pairs_of_a_single_document_are_refused():
    with pytest.raises(UserMistake, match="two documents"):
        Pairs(documents([3, 3]), VOCABULARY, sequence_length=12)


def test_shortening_takes_from_the_longer_segment():
    first, second = shortened([1] * 9, [2] * 3, room=8, random=np.random.default_rng(0))
    assert (len(first), len(second)) == (5, 3)


def parallel(*pairs):
    def flat(side):
        rows = [pair[side] for pair in pairs]
        return np.concatenate(rows), np.cumsum([0, *(len(row) for row in rows)])

    (source, source_offsets), (target, target_offsets) = flat(0), flat(1)
    return SimpleNamespace(
        source_ids=source,
        source_offsets=source_offsets,
        target_ids=target,
        target_offsets=target_offsets,
    )


def test_the_decoder_reads_what_it_is_to_write_one_place_later():
    examples = Translations(parallel([[11, 12], [21]], [[13], [22, 23]]), VOCABULARY, 10)
    batch = examples.collate(np.array([0, 1]), None)
    assert batch["encoder_token_ids"].tolist() == [[11, 12, 3], [13, 3, 0]]
    assert batch["decoder_token_ids"].tolist() == [[2, 21, 0], [2, 22, 23]]
    assert batch["decoder_targets"].tolist() == [[21, 3, 0], [22, 23, 3]]
    assert batch["decoder_padding_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]


def test_pairs_over_the_length_are_left_out_and_counted():
    examples = Translations(parallel([[11] * 5, [21]], [[13], [22]]), VOCABULARY, 5)
    assert examples.dropped == 1
    assert examples.lengths.tolist() == [[2, 2]]
