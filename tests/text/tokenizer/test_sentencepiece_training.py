"""Pieces learned from counted words."""

from collections import Counter

import pytest

from archbuilder.errors import UserError
from archbuilder.text.tokenizer.sentencepiece_training import (
    SPACE,
    learn_bpe_pieces,
    train_sentencepiece,
)


def test_the_most_frequent_pair_comes_first_and_single_characters_last():
    # "ab" stands 5 times, the beginning of a word before "a" as often, "cb" twice.
    found = learn_bpe_pieces(Counter({"ab": 5, "cb": 2}), 20, begin="")
    assert found == ["ab", "cb", "b", "a", "c"]


def test_a_piece_that_begins_a_word_is_marked():
    found = learn_bpe_pieces(Counter({"ab": 5, "cb": 2}), 20)
    assert {f"{SPACE}ab", f"{SPACE}cb"} < set(found)
    assert SPACE not in found


def test_counted_words_weigh_as_often_as_they_stand():
    few_types = learn_bpe_pieces(Counter({"ab": 1, "cd": 9}), 6, begin="")
    assert few_types[0] == "cd"


def test_a_word_with_the_mark_inside_teaches_nothing():
    assert learn_bpe_pieces(Counter({f"a{SPACE}b": 9}), 20) == []


def test_only_too_small_a_size_is_told_as_one():
    with pytest.raises(UserError, match=r"^7 is too small: .* alone are 9$"):
        train_sentencepiece(["abc"], 7, model_type="bpe")
    with pytest.raises(UserError, match=r"the sentencepiece library refuses it \(.*coverage"):
        train_sentencepiece(["abc"], 20, model_type="bpe", character_coverage=0.5)
