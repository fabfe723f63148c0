"""Tests of learning pieces from counted words."""

from collections import Counter

import pytest

from archbuilder.errors import UserError
from archbuilder.text.tokenizer.sentencepiece_training import (
    SPACE,
    learn_bpe_pieces,
    train_sentencepiece,
)


def test_the_most_frequent_pair_comes_first_and_single_characters_last():
    # "ab" occurs 5 times, and so does the start of a word before "a"; "cb" occurs twice.
    pieces = learn_bpe_pieces(Counter({"ab": 5, "cb": 2}), 20, word_prefix="")
    assert pieces == ["ab", "cb", "b", "a", "c"]


def test_a_piece_that_starts_a_word_has_the_prefix():
    pieces = learn_bpe_pieces(Counter({"ab": 5, "cb": 2}), 20)
    assert {f"{SPACE}ab", f"{SPACE}cb"} < set(pieces)
    assert SPACE not in pieces


def test_words_are_weighted_by_their_counts():
    pieces = learn_bpe_pieces(Counter({"ab": 1, "cd": 9}), 6, word_prefix="")
    assert pieces[0] == "cd"


def test_a_word_that_contains_the_prefix_is_skipped():
    assert learn_bpe_pieces(Counter({f"a{SPACE}b": 9}), 20) == []


def test_a_size_that_is_too_small_is_reported_as_such():
    with pytest.raises(UserError, match=r"^7 is too small; .* alone require 9$"):
        train_sentencepiece(["abc"], 7, model_type="bpe")
    with pytest.raises(UserError, match=r"^tokenizer: SentencePiece training failed: .*coverage"):
        train_sentencepiece(["abc"], 20, model_type="bpe", character_coverage=0.5)
