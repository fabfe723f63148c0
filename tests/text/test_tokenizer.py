"""Tests of properties that all tokenizers have."""

import os

import numpy as np
import pytest

from archbuilder.errors import UserError
from archbuilder.text.tokenizer import (
    ByteLevelBPE,
    Characters,
    Tokenizer,
    Whitespace,
    WordPiece,
    load_vocabulary,
)
from archbuilder.text.tokenizer.tokenizer import VocabularyTooSmallError
from tests.tokenizers import TEXT, case_id, every_learner, every_tokenizer, spec, trained
from tests.variants import SAMPLES, classes

SCRIPTS = [
    "我们学习机器翻译。",
    "السلام عليكم، كيف الحال؟",
    "שלום עולם, abc עברית 123",
    "\u202bright to left\u202c",
    "family 👨‍👩‍👧‍👦 flag 🏳️‍🌈 thumb 👍🏽",
    "e\u0301 u\u0308 o\u0302\u0323 café cafe\u0301",
    "हिन्दी ไทย 한국어 ｆｕｌｌ",
]


@every_tokenizer
def test_decoded_text_equals_the_original(variant):
    vocabulary = trained(variant)
    for line, ids in zip(TEXT, vocabulary.encode(TEXT), strict=True):
        decoded = vocabulary.decode(ids)
        if variant is WordPiece:  # Lowercase, without accents, spaces around Chinese characters.
            line, decoded = (
                text.lower().replace("é", "e").replace(" ", "") for text in (line, decoded)
            )
        assert decoded == line


@every_tokenizer
def test_all_scripts_are_decoded_exactly_without_normalization(variant):
    settings = {"lowercase": False} if variant is WordPiece else {"normalization": "none"}
    vocabulary = spec(variant, **settings).train(SCRIPTS * 5, 600)
    for line, ids in zip(SCRIPTS, vocabulary.encode(SCRIPTS), strict=True):
        decoded = vocabulary.decode(ids)
        if variant is WordPiece:  # Adds spaces around symbols and removes directional marks.
            line, decoded = (
                "".join(letter for letter in text if letter not in " \u200d\u202b\u202c")
                for text in (line, decoded)
            )
        assert decoded == line


@every_tokenizer
def test_training_is_deterministic(variant):
    assert spec(variant).train(TEXT, 400).digest == spec(variant).train(TEXT, 400).digest


@every_tokenizer
def test_a_loaded_vocabulary_equals_the_saved_one(variant, tmp_path):
    vocabulary = trained(variant)
    vocabulary.save(tmp_path / "tokenizer")
    loaded = load_vocabulary(tmp_path / "tokenizer")
    assert loaded.digest == vocabulary.digest
    assert loaded.encode(TEXT) == vocabulary.encode(TEXT)


@every_tokenizer
def test_a_vocabulary_has_at_most_the_given_size(variant):
    for size in (350, 10_000):
        assert spec(variant).train(TEXT, size).size <= size


@every_tokenizer
def test_every_id_is_less_than_the_size_and_five_are_special(variant):
    vocabulary = trained(variant)
    assert all(0 <= i < vocabulary.size for ids in vocabulary.encode(TEXT) for i in ids)
    special = {vocabulary.padding_id, vocabulary.unknown_id, vocabulary.start_id}
    special |= {vocabulary.end_id, vocabulary.mask_id}
    assert vocabulary.special_ids == tuple(sorted(special))
    assert len(special) == 5


@every_tokenizer
def test_encoded_arrays_equal_encoded_lists(variant):
    lines = [*SCRIPTS, "", " ", *TEXT]
    for vocabulary in (
        trained(variant),
        spec(variant, user_defined_symbols=["sea", "😀"]).train(TEXT, 400),
    ):
        ids, counts = vocabulary.encode_arrays(lines)
        assert (ids.dtype, counts.dtype) == ("int32", "int64")
        encoded = vocabulary.encode(lines)
        assert counts.tolist() == [len(row) for row in encoded]
        assert ids.tolist() == [i for row in encoded for i in row]
        assert [len(array) for array in vocabulary.encode_arrays([])] == [0, 0]


@every_tokenizer
def test_the_mask_is_parsed_only_on_request(variant):
    vocabulary = trained(variant)
    line = f"the {vocabulary.mask_token} dog."
    assert vocabulary.mask_id not in vocabulary.encode([line])[0]
    ids = vocabulary.encode([line], parse_masks=True)[0]
    assert ids.count(vocabulary.mask_id) == 1
    assert ids[-1] == vocabulary.encode(["the dog."])[0][-1]


@every_tokenizer
def test_no_special_token_is_encoded_from_text(variant):
    text = ["<s> a </s> [CLS] <mask> [MASK] <pad> [SEP]"] * 9
    vocabulary = spec(variant).train([*TEXT, *text], 500)
    special_ids = set(vocabulary.encode(text[:1])[0]) & set(vocabulary.special_ids)
    assert special_ids <= {vocabulary.unknown_id}


@every_tokenizer
def test_a_size_without_room_for_tokens_is_rejected(variant):
    with pytest.raises(VocabularyTooSmallError, match=r"^5 "):
        spec(variant).train(TEXT, 5)


@every_tokenizer
def test_a_mask_is_decoded_as_its_name(variant):
    vocabulary = trained(variant)
    lines = ("the {} dog.", "{} dog.", "the lazy {}")
    for line in (*lines, *([] if variant is Whitespace else ["the lazy {}."])):
        line = line.format(vocabulary.mask_token)
        ids = [
            vocabulary.start_id,
            *vocabulary.encode([line], parse_masks=True)[0],
            vocabulary.end_id,
        ]
        assert vocabulary.decode(ids) == line


@pytest.mark.parametrize("settings", [{}, {"add_prefix_space": False}])
@every_tokenizer
def test_words_of_consecutive_sentences_are_not_joined(variant, settings):
    if settings and variant is not ByteLevelBPE:
        return
    vocabulary = spec(variant, **settings).train(TEXT, 400)
    parts = [
        vocabulary.with_separator(line, index == 0, index == 2)
        for index, line in enumerate(("the fox", "jumps over", "sea shells"))
    ]
    ids = [token_id for line in vocabulary.encode(parts) for token_id in line]
    assert vocabulary.decode(ids) == "the fox jumps over sea shells"
    assert vocabulary.word_starts(np.array(ids)).sum() >= 6


def test_a_vocabulary_without_a_space_adds_no_separator():
    vocabulary = Characters(type="characters").train(["\u673a\u5668"], 20)
    assert vocabulary.with_separator("\u673a", is_first=True, is_last=False) == "\u673a"


@every_learner
@pytest.mark.parametrize("lines", [[], ["", ""]])
def test_empty_text_is_rejected(variant, lines):
    with pytest.raises(UserError, match="the training text of the tokenizer is empty"):
        spec(variant).train(lines, 400)


def test_text_that_is_empty_after_normalization_is_rejected():
    with pytest.raises(UserError, match="the training text of the tokenizer is empty"):
        spec("unigram").train(["\u200b\u200b"], 400)


@every_tokenizer
@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff nothing"])
def test_a_damaged_folder_is_rejected(variant, content, tmp_path):
    folder = tmp_path / "tokenizer"
    for damaged in ["tokenizer.config.json", sorted(trained(variant).files)[0]]:
        trained(variant).save(folder)
        (folder / damaged).write_bytes(content)
        with pytest.raises(UserError, match="tokenizer: the tokenizer cannot be read"):
            load_vocabulary(folder)
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()


@every_learner
def test_an_existing_file_gives_the_same_vocabulary(variant, tmp_path):
    vocabulary = trained(variant)
    vocabulary.save(tmp_path / "tokenizer")
    for file in set(vocabulary.files):
        loaded = spec(variant, file=str(tmp_path / "tokenizer" / file)).load_file()
        assert loaded.encode(TEXT) == vocabulary.encode(TEXT)


@every_learner
def test_a_pipe_is_rejected(variant, tmp_path):
    os.mkfifo(tmp_path / "vocabulary")
    with pytest.raises(UserError, match="vocabulary: is not a regular file"):
        spec(variant, file=str(tmp_path / "vocabulary")).load_file()


@every_learner
@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe nothing"])
def test_a_missing_or_invalid_file_is_rejected(variant, content, tmp_path):
    path = tmp_path / "vocabulary"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match="vocabulary: "):
        spec(variant, file=str(path)).load_file()


@every_tokenizer
def test_word_starts_are_those_of_the_words(variant):
    vocabulary = trained(variant)
    line = "the quick brown dog."
    ids = [vocabulary.start_id, *vocabulary.encode([line])[0], vocabulary.end_id]
    starts = vocabulary.word_starts(np.array([ids, ids]))
    assert starts.shape == (2, len(ids))
    assert starts.dtype == bool
    assert (starts[0] == starts[1]).all()
    assert starts[0, [0, 1, -1]].all()
    words = 5 if variant is WordPiece else 4  # The full stop is a word of WordPiece.
    assert starts[0].sum() == 2 + words
    assert vocabulary.word_starts(np.array(ids)).tolist() == starts[0].tolist()


@every_tokenizer
def test_only_sentencepiece_has_byte_tokens(variant):
    count = 256 if case_id(variant) in ("SentencePiece", "unigram") else 0
    assert len(trained(variant).byte_ids) == count
    assert all(trained(variant).id_to_token(i).startswith("<0x") for i in trained(variant).byte_ids)


def test_samples_cover_the_required_fields_of_all_tokenizers():
    for variant in classes(Tokenizer):
        required = [name for name, field in variant.model_fields.items() if field.is_required()]
        assert set(required) - {"type"} <= set(SAMPLES)
