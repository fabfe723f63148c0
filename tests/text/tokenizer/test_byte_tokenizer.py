"""Tests of the byte tokenizer."""

import pytest

from archbuilder.errors import UserError
from archbuilder.text.tokenizer import Bytes


def test_byte_ids_follow_the_special_tokens():
    vocabulary = Bytes(type="bytes").train([], 300)
    assert vocabulary.size == 261
    assert vocabulary.encode(["aé"]) == [[5 + 0x61, 5 + 0xC3, 5 + 0xA9]]
    assert vocabulary.id_to_token(5 + 0x61) == "<0x61>"


def test_symbol_ids_precede_the_byte_ids():
    vocabulary = Bytes(type="bytes", user_defined_symbols=["<x>"]).train([], 300)
    assert vocabulary.encode(["a<x>"]) == [[6 + 0x61, 5]]


def test_invalid_utf_8_is_decoded_as_replacement_characters():
    assert Bytes(type="bytes").train([], 261).decode([5 + 0x61, 5 + 0xC3]) == "a\ufffd"


def test_a_vocabulary_without_room_for_the_bytes_is_rejected():
    with pytest.raises(UserError, match=r"^260 is too small; .* require 261"):
        Bytes(type="bytes").train(["abc"], 260)
