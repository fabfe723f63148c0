"""What is special to text that is cut already."""

import json

import numpy as np
import pytest

from archbuilder.errors import UserError
from archbuilder.text.tokenizer import Whitespace


def trained(lines, size=20, **settings):
    return Whitespace(type="whitespace", **settings).train(lines, size)


def test_the_most_frequent_words_are_known_and_every_other_is_unknown():
    vocabulary = trained(["b b b a a c"], size=7)
    assert vocabulary.encode(["a  b c d"]) == [[6, 5, 1, 1]]
    assert vocabulary.decode([6, 5, 1]) == "a b <unk>"


def test_pieces_are_joined_on_the_way_out():
    lines = ["ab@@ c ab@@"]
    marked, plain = trained(lines, continuation_marker="@@"), trained(lines)
    assert marked.decode(marked.encode(lines)[0]) == "abc ab"
    assert plain.decode(plain.encode(lines)[0]) == "ab@@ c ab@@"


def test_a_word_starts_where_the_piece_before_does_not_go_on():
    lines = ["ab@@ c d"]
    vocabulary = trained(lines, continuation_marker="@@")
    ids = [vocabulary.start_id, *vocabulary.encode(lines)[0], vocabulary.end_id]
    assert vocabulary.word_starts(np.array(ids)).tolist() == [True, True, False, True, True]
    assert trained(lines).word_starts(np.array(ids)).all()


def test_a_special_tokens_name_in_the_text_is_an_unknown_word():
    assert trained(["<mask> a"]).encode(["a <mask>"]) == [[5, 1]]


@pytest.mark.parametrize("wrong", [{"words": "ab"}, {"words": ["a", "a"]}, {"continuation": ""}])
def test_words_that_are_none_are_one_sentence(tmp_path, wrong):
    path = tmp_path / "words.json"
    content = {"lowercase": False, "words": ["a"], "continuation": None} | wrong
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="not a list of words"):
        Whitespace(type="whitespace", file=str(path)).load_file()
