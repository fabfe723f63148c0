"""What is special to bytes."""

import pytest

from archbuilder.errors import UserError
from archbuilder.text.tokenizer import Bytes


def test_a_byte_is_its_number_behind_the_special_tokens():
    vocabulary = Bytes(type="bytes").train([], 300)
    assert vocabulary.size == 261
    assert vocabulary.encode(["aé"]) == [[5 + 0x61, 5 + 0xC3, 5 + 0xA9]]
    assert vocabulary.id_to_token(5 + 0x61) == "<0x61>"


def test_symbols_stand_before_the_bytes():
    vocabulary = Bytes(type="bytes", user_defined_symbols=["<x>"]).train([], 300)
    assert vocabulary.encode(["a<x>"]) == [[6 + 0x61, 5]]


def test_bytes_that_are_no_text_are_shown_as_such():
    assert Bytes(type="bytes").train([], 261).decode([5 + 0x61, 5 + 0xC3]) == "a\ufffd"


def test_too_few_for_the_bytes_is_one_sentence():
    with pytest.raises(UserError, match=r"^260 is too small: .* are 261"):
        Bytes(type="bytes").train(["abc"], 260)
