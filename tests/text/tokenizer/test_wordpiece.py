"""What is special to WordPiece."""

import numpy as np
import pytest

from archbuilder.errors import UserError
from archbuilder.experiment import load
from archbuilder.language import SpecError
from archbuilder.text.tokenizer import WordPiece
from archbuilder.text.vocabulary import BERT_SPECIAL_TOKENS, DEFAULT_SPECIAL_TOKENS
from tests import small_run

TEXT = ["The quick brown fox jumps over the lazy dog.", "She sells sea shells."] * 5


def existing(tmp_path, content, **settings):
    (tmp_path / "vocabulary").write_bytes(content)
    return WordPiece(type="wordpiece", file=str(tmp_path / "vocabulary"), **settings).load_file()


def listed(*tokens):
    return "\n".join(tokens).encode()


def tokens(vocabulary, line):
    return [vocabulary.id_to_token(i) for i in vocabulary.encode([line])[0]]


def test_wordpieces_are_the_longest_known():
    vocabulary = WordPiece(type="wordpiece").train(["unhappy unhappy happy"] * 9, 60)
    assert tokens(vocabulary, "unhappy") == ["unhappy"]


def test_wordpieces_are_written_as_people_write():
    text = "it's 3.5 (or 4), the 'well-known' snake_case: yes!"
    vocabulary = WordPiece(type="wordpiece").train([text] * 9, 100)
    written = vocabulary.decode(vocabulary.encode([text])[0])
    assert written == "it's 3.5 (or 4), the ' well-known ' snake_case: yes!"


def test_chunks_give_what_the_library_gives_for_whole_lines():
    vocabulary = WordPiece(type="wordpiece", user_defined_symbols=["<x>", "##y"]).train(TEXT, 200)
    lines = [
        "  The  qu\tick\u00a0fox\u200b ",
        "a<x>b ##y c##y",
        "\x1c a\x00b",
        "",
        " ",
        "  \u0301a",
    ]
    assert vocabulary._chunks is not None
    assert vocabulary.encode(lines) == vocabulary._by_library(lines)


def test_a_word_starts_where_no_piece_goes_on(tmp_path):
    vocabulary = existing(tmp_path, listed(*BERT_SPECIAL_TOKENS, "a", "##b", "c"))
    assert vocabulary.word_starts(np.array([[2, 5, 6, 7, 3, 6]])).tolist() == [
        [True, True, False, True, True, True]
    ]


def test_accents_go_with_capitals_unless_it_is_said(tmp_path):
    content = listed(*BERT_SPECIAL_TOKENS, "cafe", "café", "Cafe", "Café")
    cases = {
        "cafe": {},
        "café": {"strip_accents": False},
        "Café": {"lowercase": False},
        "Cafe": {"lowercase": False, "strip_accents": True},
    }
    for token, settings in cases.items():
        assert tokens(existing(tmp_path, content, **settings), "Café") == [token]


def test_a_plain_list_is_read_as_the_spec_says(tmp_path):
    content = listed(*BERT_SPECIAL_TOKENS, "ab", "AB", "<s>x")
    assert tokens(existing(tmp_path, content, normalization="nfkc"), "ａｂ") == ["ab"]
    vocabulary = existing(tmp_path, content, lowercase=False, user_defined_symbols=["<s>x"])
    assert tokens(vocabulary, "AB<s>x ab") == ["AB", "<s>x", "ab"]


def test_a_symbol_that_the_list_lacks_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="vocabulary: has no token '<x>', which the spec names"):
        existing(tmp_path, listed(*BERT_SPECIAL_TOKENS, "a"), user_defined_symbols=["<x>"])


def test_only_training_has_no_effect_beside_a_plain_list(tmp_path):
    spec = small_run.bert(tmp_path)
    spec["tokenizer"] |= {"file": "vocab.txt", "lowercase": False, "limit_alphabet": 9}
    with pytest.raises(SpecError) as caught:
        load(small_run.write(spec, tmp_path / "spec.yaml"))
    (mistake,) = caught.value.lines
    assert "tokenizer: limit_alphabet: has no effect beside 'file': nothing is trained" in mistake


def test_a_whole_tokenizer_named_as_a_list_decides_all_the_same(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_bytes(WordPiece(type="wordpiece").train(TEXT, 200).files["tokenizer.json"])
    with pytest.raises(UserError, match="lowercase: has no effect beside 'file': the file says"):
        WordPiece(type="wordpiece", lowercase=False, file=str(path)).load_file()


def test_a_tokenizer_that_pads_and_cuts_is_kept_from_it(tmp_path):
    from tokenizers import Tokenizer as Library

    ours = WordPiece(type="wordpiece").train(TEXT, 200)
    library = Library.from_str(ours.files["tokenizer.json"].decode())
    library.enable_padding(length=64)
    library.enable_truncation(4)
    assert existing(tmp_path, library.to_str().encode()).encode(TEXT) == ours.encode(TEXT)


def test_only_line_feeds_part_the_tokens_of_a_vocabulary(tmp_path):
    for end in ("\n", "\r\n"):
        wanted = [*BERT_SPECIAL_TOKENS, "a", "\u2028", "\x85", "b"]
        vocabulary = existing(tmp_path, "".join(token + end for token in wanted).encode())
        assert [vocabulary.id_to_token(i) for i in range(vocabulary.size)] == wanted


def test_special_tokens_are_found_by_either_spelling(tmp_path):
    vocabulary = existing(
        tmp_path, listed("a", *DEFAULT_SPECIAL_TOKENS[:2], *BERT_SPECIAL_TOKENS[2:])
    )
    assert vocabulary.special_ids == (1, 2, 3, 4, 5)
    assert (vocabulary.padding_id, vocabulary.unknown_id, vocabulary.mask_id) == (1, 2, 5)
    assert vocabulary.encode(["a zzz"]) == [[0, 2]]


def test_no_mask_is_no_mistake(tmp_path):
    vocabulary = existing(tmp_path, listed(*BERT_SPECIAL_TOKENS[:4], "a"))
    assert (vocabulary.mask_id, vocabulary.mask_token) == (None, None)
    assert vocabulary.special_ids == (0, 1, 2, 3)
    assert vocabulary.encode(["a a"], parse_masks=True) == [[4, 4]]
    assert vocabulary.decode([2, 4, 1, 3]) == "a [UNK]"
    assert vocabulary.word_starts(np.array([2, 4])).all()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (listed(*BERT_SPECIAL_TOKENS, "a", "a"), "the token 'a' stands in it twice"),
        (
            listed("[PAD]", "[UNK]", "a"),
            r"has no start token \(\[CLS\] or <s>\), no end token \(\[SEP\] or </s>\)$",
        ),
    ],
)
def test_a_vocabulary_that_cannot_serve_is_one_sentence(tmp_path, content, sentence):
    with pytest.raises(UserError, match=sentence):
        existing(tmp_path, content)


def test_more_characters_than_there_is_room_for_are_unknown():
    letters = [chr(0x4E00 + place) for place in range(300)]
    lines = ["the cat sat"] * 400 + ["".join(letters)]
    vocabulary = WordPiece(type="wordpiece", limit_alphabet=20).train(lines, 100)
    assert vocabulary.size <= 100
    assert vocabulary.encode([letters[-1]]) == [[vocabulary.unknown_id]]
    assert tokens(vocabulary, "cat") == ["cat"]


def test_an_alphabet_that_spells_no_word_is_one_sentence():
    with pytest.raises(UserError, match="limit_alphabet: with 1 characters no word"):
        WordPiece(type="wordpiece", limit_alphabet=1).train(["the cat sat"] * 4, 100)
