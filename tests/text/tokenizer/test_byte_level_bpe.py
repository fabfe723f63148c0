"""What is special to byte-level BPE."""

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
    # "ab" stands 3 times, "b" behind a space never, "cd" once.
    vocabulary = trained(size=262, lines=["ab,ab,ab,cd"], add_prefix_space=False)
    assert vocabulary.id_to_token(261) == "ab"
    assert trained(size=261).size == 261


def test_nothing_is_unknown_not_even_what_training_never_saw():
    vocabulary = trained()
    line = "Ωmega 机器 \x00\x1f\u200d 😀 \ufeff"
    (ids,) = vocabulary.encode([line])
    assert vocabulary.unknown_id not in ids
    assert vocabulary.decode(ids) == line


def test_every_token_that_was_learned_is_used():
    vocabulary = trained(size=290)
    assert vocabulary.size > 270
    for learned in range(5 + 256, vocabulary.size):
        text = vocabulary.id_to_token(learned).replace("Ġ", " ")
        assert vocabulary._encode_continuations([text]) == [[learned]]


def test_the_first_word_of_a_line_is_the_word_that_it_is_elsewhere():
    assert tokens(trained(), "the cat") == ["Ġthe", "Ġcat"]
    assert tokens(trained(add_prefix_space=False), "the cat")[0] == "the"
    for vocabulary in (trained(), trained(add_prefix_space=False)):
        assert vocabulary.decode(vocabulary.encode(["the  cat "])[0]) == "the  cat "


def test_no_space_is_put_behind_a_symbol_or_a_mask():
    vocabulary = trained(user_defined_symbols=["<x>"])
    assert vocabulary.decode(vocabulary.encode(["a<x>b"])[0]) == "a<x>b"
    (ids,) = vocabulary.encode(["a<mask>b"], parse_masks=True)
    assert vocabulary.decode(ids) == "a<mask>b"


def test_chunks_give_what_the_library_gives_for_whole_lines():
    lines = ["  two  spaces ", "tab\t here\r\n", "!\x1c?\x1d a", "\u00a0\u3000x  ", "don't 3.5", ""]
    for settings in ({}, {"add_prefix_space": False}, {"normalization": "nfkc", "user_defined_symbols": ["do"]}):
        vocabulary = trained(**settings)
        assert vocabulary._chunks is not None
        library = vocabulary._by_library(vocabulary._with_space(lines))
        assert vocabulary.encode(lines) == library


def test_an_accent_by_itself_is_cut_as_the_library_cuts_it():
    vocabulary = trained(300, ["a     b", "   c", "a    d", "a  \u0308  b"], strip_accents=True)
    lines = [" x  \u0308  y", "a  \u0308  b", "\u0301"]
    library = vocabulary._by_library(vocabulary._with_space(lines))
    ids, counts = vocabulary.encode_arrays(lines)
    assert vocabulary.encode(lines) == library
    assert ids.tolist() == [i for one in library for i in one]
    assert counts.tolist() == [len(one) for one in library]


def test_a_word_starts_behind_a_space():
    vocabulary = trained(size=270)
    (ids,) = vocabulary.encode(["the mat"])
    starts = vocabulary.word_starts(np.array([vocabulary.start_id, *ids]))
    assert starts.tolist() == [True, *(vocabulary.id_to_token(i).startswith("Ġ") for i in ids)]


def test_chance_in_a_file_is_left_out(tmp_path):
    content = json.loads(trained(size=290).files["tokenizer.json"])
    content["model"]["dropout"] = 0.5
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(content))
    vocabulary = ByteLevelBPE(type="byte_level_bpe", file=str(path)).load_file()
    assert vocabulary.encode(TEXT) == trained(size=290).encode(TEXT)


def test_a_tokenizer_of_another_kind_is_one_sentence(tmp_path):
    path = tmp_path / "tokenizer.json"
    spec = ByteLevelBPE(type="byte_level_bpe", file=str(path))
    path.write_bytes(WordPiece(type="wordpiece").train(TEXT, 100).files["tokenizer.json"])
    with pytest.raises(UserError, match=r"tokenizer.json: the tokenizer is a WordPiece one, not"):
        spec.load_file()
    content = json.loads(trained().files["tokenizer.json"]) | {"pre_tokenizer": None}
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="the tokenizer is a BPE one, and not of bytes"):
        spec.load_file()


def test_too_few_for_the_bytes_is_one_sentence():
    with pytest.raises(UserError, match=r"^260 is too small: .* are 261"):
        trained(size=260)
