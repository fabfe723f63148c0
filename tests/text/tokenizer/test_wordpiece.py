"""Tests of the WordPiece tokenizer."""

import numpy as np
import pytest

from archbuilder.errors import UserError
from archbuilder.experiment import load
from archbuilder.language import SpecError
from archbuilder.text.tokenizer import WordPiece
from archbuilder.text.vocabulary import BERT_SPECIAL_TOKENS, DEFAULT_SPECIAL_TOKENS
from tests import small_run

TEXT = ["The quick brown fox jumps over the lazy dog.", "She sells sea shells."] * 5


def load_content(tmp_path, content, **settings):
    (tmp_path / "vocabulary").write_bytes(content)
    return WordPiece(type="wordpiece", file=str(tmp_path / "vocabulary"), **settings).load_file()


def word_list(*tokens):
    return "\n".join(tokens).encode()


def tokens(vocabulary, line):
    return [vocabulary.id_to_token(i) for i in vocabulary.encode([line])[0]]


def test_words_are_split_into_the_longest_pieces():
    vocabulary = WordPiece(type="wordpiece").train(["unhappy unhappy happy"] * 9, 60)
    assert tokens(vocabulary, "unhappy") == ["unhappy"]


def test_punctuation_is_attached_in_decoded_text():
    text = "it's 3.5 (or 4), the 'well-known' snake_case: yes!"
    vocabulary = WordPiece(type="wordpiece").train([text] * 9, 100)
    decoded = vocabulary.decode(vocabulary.encode([text])[0])
    assert decoded == "it's 3.5 (or 4), the ' well-known ' snake_case: yes!"


def test_chunks_give_the_same_ids_as_whole_lines_in_the_library():
    vocabulary = WordPiece(type="wordpiece", user_defined_symbols=["<x>", "##y"]).train(TEXT, 200)
    lines = [
        "  The  qu\tick\u00a0fox\u200b ",
        "a<x>b ##y c##y",
        "\x1c a\x00b",
        "",
        " ",
        "  \u0301a",
    ]
    assert vocabulary._cache is not None
    assert vocabulary.encode(lines) == vocabulary._encode_with_library(lines)


def test_a_word_starts_at_a_piece_without_the_continuation_prefix(tmp_path):
    vocabulary = load_content(tmp_path, word_list(*BERT_SPECIAL_TOKENS, "a", "##b", "c"))
    assert vocabulary.word_starts(np.array([[2, 5, 6, 7, 3, 6]])).tolist() == [
        [True, True, False, True, True, True]
    ]


def test_accents_are_removed_by_default_only_from_lowercased_text(tmp_path):
    content = word_list(*BERT_SPECIAL_TOKENS, "cafe", "café", "Cafe", "Café")
    cases = {
        "cafe": {},
        "café": {"strip_accents": False},
        "Café": {"lowercase": False},
        "Cafe": {"lowercase": False, "strip_accents": True},
    }
    for token, settings in cases.items():
        assert tokens(load_content(tmp_path, content, **settings), "Café") == [token]


def test_a_plain_list_is_used_with_the_settings_of_the_spec(tmp_path):
    content = word_list(*BERT_SPECIAL_TOKENS, "ab", "AB", "<s>x")
    assert tokens(load_content(tmp_path, content, normalization="nfkc"), "ａｂ") == ["ab"]
    vocabulary = load_content(tmp_path, content, lowercase=False, user_defined_symbols=["<s>x"])
    assert tokens(vocabulary, "AB<s>x ab") == ["AB", "<s>x", "ab"]


def test_a_symbol_that_is_missing_in_the_list_is_rejected(tmp_path):
    with pytest.raises(
        UserError, match="vocabulary: has no token '<x>', which is a symbol in the spec"
    ):
        load_content(tmp_path, word_list(*BERT_SPECIAL_TOKENS, "a"), user_defined_symbols=["<x>"])


def test_only_training_fields_have_no_effect_with_a_plain_list(tmp_path):
    spec = small_run.bert(tmp_path)
    spec["tokenizer"] |= {"file": "vocab.txt", "lowercase": False, "limit_alphabet": 9}
    with pytest.raises(SpecError) as caught:
        load(small_run.write(spec, tmp_path / "spec.yaml"))
    (problem,) = caught.value.lines
    message = "limit_alphabet: has no effect with 'file', because the tokenizer is not trained"
    assert f"tokenizer: {message}; remove it" in problem


def test_a_tokenizer_json_with_the_name_of_a_list_determines_the_settings(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_bytes(WordPiece(type="wordpiece").train(TEXT, 200).files["tokenizer.json"])
    with pytest.raises(UserError, match="lowercase: has no effect with 'file', because the file"):
        WordPiece(type="wordpiece", lowercase=False, file=str(path)).load_file()


def test_padding_and_truncation_of_a_tokenizer_file_are_disabled(tmp_path):
    from tokenizers import Tokenizer as Library

    vocabulary = WordPiece(type="wordpiece").train(TEXT, 200)
    library = Library.from_str(vocabulary.files["tokenizer.json"].decode())
    library.enable_padding(length=64)
    library.enable_truncation(4)
    assert load_content(tmp_path, library.to_str().encode()).encode(TEXT) == vocabulary.encode(TEXT)


def test_only_line_feeds_separate_the_tokens_of_a_list(tmp_path):
    for end in ("\n", "\r\n"):
        expected = [*BERT_SPECIAL_TOKENS, "a", "\u2028", "\x85", "b"]
        vocabulary = load_content(tmp_path, "".join(token + end for token in expected).encode())
        assert [vocabulary.id_to_token(i) for i in range(vocabulary.size)] == expected


def test_special_tokens_may_have_either_style_of_names(tmp_path):
    vocabulary = load_content(
        tmp_path, word_list("a", *DEFAULT_SPECIAL_TOKENS[:2], *BERT_SPECIAL_TOKENS[2:])
    )
    assert vocabulary.special_ids == (1, 2, 3, 4, 5)
    assert (vocabulary.padding_id, vocabulary.unknown_id, vocabulary.mask_id) == (1, 2, 5)
    assert vocabulary.encode(["a zzz"]) == [[0, 2]]


def test_a_vocabulary_without_a_mask_is_supported(tmp_path):
    vocabulary = load_content(tmp_path, word_list(*BERT_SPECIAL_TOKENS[:4], "a"))
    assert (vocabulary.mask_id, vocabulary.mask_token) == (None, None)
    assert vocabulary.special_ids == (0, 1, 2, 3)
    assert vocabulary.encode(["a a"], parse_masks=True) == [[4, 4]]
    assert vocabulary.decode([2, 4, 1, 3]) == "a [UNK]"
    assert vocabulary.word_starts(np.array([2, 4])).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (word_list(*BERT_SPECIAL_TOKENS, "a", "a"), "token 'a' occurs twice"),
        (
            word_list("[PAD]", "[UNK]", "a"),
            r"has no start token \(\[CLS\] or <s>\), no end token \(\[SEP\] or </s>\)$",
        ),
    ],
)
def test_an_invalid_vocabulary_is_rejected(tmp_path, content, message):
    with pytest.raises(UserError, match=message):
        load_content(tmp_path, content)


def test_characters_beyond_the_limit_are_unknown():
    letters = [chr(0x4E00 + index) for index in range(300)]
    lines = ["the cat sat"] * 400 + ["".join(letters)]
    vocabulary = WordPiece(type="wordpiece", limit_alphabet=20).train(lines, 100)
    assert vocabulary.size <= 100
    assert vocabulary.encode([letters[-1]]) == [[vocabulary.unknown_id]]
    assert tokens(vocabulary, "cat") == ["cat"]


def test_an_alphabet_that_encodes_no_word_is_rejected():
    with pytest.raises(UserError, match="limit_alphabet: with 1 characters, no word"):
        WordPiece(type="wordpiece", limit_alphabet=1).train(["the cat sat"] * 4, 100)
