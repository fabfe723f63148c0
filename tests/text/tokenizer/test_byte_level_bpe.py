"""Tests of byte-level BPE."""

import json

import numpy as np
import pytest

from archbuilder.errors import UserError
from archbuilder.text.tokenizer import ByteLevelBPE, WordPiece

TEXT = ["the cat sat on the mat", "the dog and the cat"] * 5


def trained(size=300, lines=TEXT, **settings):
    return ByteLevelBPE(type="byte_level_bpe", **settings).train(lines, size)


def tokens(vocabulary, line):
    return [vocabulary.id_to_token(i) for i in vocabulary.encode([line])[0]]


def test_the_most_frequent_pair_is_merged_first():
    # "ab" occurs 3 times, " b" never, "cd" once.
    vocabulary = trained(size=262, lines=["ab,ab,ab,cd"], add_prefix_space=False)
    assert vocabulary.id_to_token(261) == "ab"
    assert trained(size=261).size == 261


def test_characters_that_are_not_in_the_training_text_are_encoded():
    vocabulary = trained()
    line = "Ωmega 机器 \x00\x1f\u200d 😀 \ufeff"
    (ids,) = vocabulary.encode([line])
    assert vocabulary.unknown_id not in ids
    assert vocabulary.decode(ids) == line


def test_every_learned_token_is_used():
    vocabulary = trained(size=290)
    assert vocabulary.size > 270
    for learned in range(5 + 256, vocabulary.size):
        text = vocabulary.id_to_token(learned).replace("Ġ", " ")
        assert vocabulary._encode_continuations([text]) == [[learned]]


def test_the_first_word_of_a_line_has_the_same_token_as_elsewhere():
    assert tokens(trained(), "the cat") == ["Ġthe", "Ġcat"]
    assert tokens(trained(add_prefix_space=False), "the cat")[0] == "the"
    for vocabulary in (trained(), trained(add_prefix_space=False)):
        assert vocabulary.decode(vocabulary.encode(["the  cat "])[0]) == "the  cat "


def test_no_space_is_added_after_a_symbol_or_a_mask():
    vocabulary = trained(user_defined_symbols=["<x>"])
    assert vocabulary.decode(vocabulary.encode(["a<x>b"])[0]) == "a<x>b"
    (ids,) = vocabulary.encode(["a<mask>b"], parse_masks=True)
    assert vocabulary.decode(ids) == "a<mask>b"


def test_chunks_give_the_same_ids_as_whole_lines_in_the_library():
    lines = ["  two  spaces ", "tab\t here\r\n", "!\x1c?\x1d a", "\u00a0\u3000x  ", "don't 3.5", ""]
    for settings in (
        {},
        {"add_prefix_space": False},
        {"normalization": "nfkc", "user_defined_symbols": ["do"]},
    ):
        vocabulary = trained(**settings)
        assert vocabulary._cache is not None
        library = vocabulary._encode_with_library(vocabulary._add_spaces(lines))
        assert vocabulary.encode(lines) == library


def test_a_separate_accent_gives_the_same_ids_as_in_the_library():
    vocabulary = trained(300, ["a     b", "   c", "a    d", "a  \u0308  b"], strip_accents=True)
    lines = [" x  \u0308  y", "a  \u0308  b", "\u0301"]
    library = vocabulary._encode_with_library(vocabulary._add_spaces(lines))
    ids, counts = vocabulary.encode_arrays(lines)
    assert vocabulary.encode(lines) == library
    assert ids.tolist() == [i for line_ids in library for i in line_ids]
    assert counts.tolist() == [len(line_ids) for line_ids in library]


def test_a_word_starts_after_a_space():
    vocabulary = trained(size=270)
    (ids,) = vocabulary.encode(["the mat"])
    starts = vocabulary.word_starts(np.array([vocabulary.start_id, *ids]))
    assert starts.tolist() == [True, *(vocabulary.id_to_token(i).startswith("Ġ") for i in ids)]


def test_dropout_in_a_tokenizer_file_is_disabled(tmp_path):
    content = json.loads(trained(size=290).files["tokenizer.json"])
    content["model"]["dropout"] = 0.5
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(content))
    vocabulary = ByteLevelBPE(type="byte_level_bpe", file=str(path)).load_file()
    assert vocabulary.encode(TEXT) == trained(size=290).encode(TEXT)


def test_a_file_with_another_tokenizer_is_rejected(tmp_path):
    path = tmp_path / "tokenizer.json"
    spec = ByteLevelBPE(type="byte_level_bpe", file=str(path))
    path.write_bytes(WordPiece(type="wordpiece").train(TEXT, 100).files["tokenizer.json"])
    with pytest.raises(
        UserError, match=r"tokenizer.json: the tokenizer has a WordPiece model; expected BPE$"
    ):
        spec.load_file()
    content = json.loads(trained().files["tokenizer.json"]) | {"pre_tokenizer": None}
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="the BPE tokenizer must be byte-level"):
        spec.load_file()


def test_a_vocabulary_without_room_for_the_bytes_is_rejected():
    with pytest.raises(UserError, match=r"^260 is too small; .* require 261"):
        trained(size=260)
