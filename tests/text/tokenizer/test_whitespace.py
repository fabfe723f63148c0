"""Tests of the whitespace tokenizer."""

import json

import numpy as np
import pytest

from archbuilder.errors import UserError
from archbuilder.text.tokenizer import Whitespace


def trained(lines, size=20, **settings):
    return Whitespace(type="whitespace", **settings).train(lines, size)


def test_only_the_most_frequent_words_have_a_token():
    vocabulary = trained(["b b b a a c"], size=7)
    assert vocabulary.encode(["a  b c d"]) == [[6, 5, 1, 1]]
    assert vocabulary.decode([6, 5, 1]) == "a b <unk>"


def test_subwords_are_joined_in_decoded_text():
    lines = ["ab@@ c ab@@"]
    marked, plain = trained(lines, continuation_marker="@@"), trained(lines)
    assert marked.decode(marked.encode(lines)[0]) == "abc ab"
    assert plain.decode(plain.encode(lines)[0]) == "ab@@ c ab@@"


def test_a_word_starts_after_a_subword_without_the_marker():
    lines = ["ab@@ c d"]
    vocabulary = trained(lines, continuation_marker="@@")
    ids = [vocabulary.start_id, *vocabulary.encode(lines)[0], vocabulary.end_id]
    assert vocabulary.word_starts(np.array(ids)).tolist() == [True, True, False, True, True]
    assert trained(lines).word_starts(np.array(ids)).all()


def test_the_name_of_a_special_token_in_text_is_an_unknown_word():
    assert trained(["<mask> a"]).encode(["a <mask>"]) == [[5, 1]]


@pytest.mark.parametrize("invalid", [{"words": "ab"}, {"words": ["a", "a"]}, {"continuation": ""}])
def test_an_invalid_list_of_words_is_rejected(tmp_path, invalid):
    path = tmp_path / "words.json"
    content = {"lowercase": False, "words": ["a"], "continuation": None} | invalid
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="not a list of words"):
        Whitespace(type="whitespace", file=str(path)).load_file()
