"""Tests of the SentencePiece tokenizer."""

import io

import numpy as np
import pytest

from archbuilder.errors import UserError
from archbuilder.text.tokenizer import SentencePiece
from archbuilder.text.tokenizer.sentencepiece import SentencePieceVocabulary

TEXT = ["the quick brown fox, the lazy dog.", "She sells sea shells."] * 5
SPECIAL_IDS = {"pad_id": 0, "unk_id": 1, "bos_id": 2, "eos_id": 3, "minloglevel": 2}


def trained(algorithm="bpe", lines=TEXT, size=340, **settings):
    spec = SentencePiece(type="sentencepiece", algorithm=algorithm, **settings)
    return spec.train(lines, size)


def train_with_library(lines, **options):
    from sentencepiece import SentencePieceTrainer

    model = io.BytesIO()
    SentencePieceTrainer.Train(
        sentence_iterator=iter(lines), model_writer=model, **{**SPECIAL_IDS, **options}
    )
    return model.getvalue()


def test_text_after_a_mask_starts_a_word_only_after_a_space():
    vocabulary = trained("unigram")
    for line, starts_word in (("the <mask> dog", True), ("the <mask>.", False)):
        ids = vocabulary.encode([line], parse_masks=True)[0]
        after = vocabulary.id_to_token(ids[ids.index(vocabulary.mask_id) + 1])
        assert after.startswith("\N{LOWER ONE EIGHTH BLOCK}") == starts_word


def test_a_mask_that_is_a_user_defined_symbol_is_encoded_as_text():
    model = train_with_library(
        ["a mask > b < c"] * 9,
        vocab_size=18,
        hard_vocab_limit=False,
        user_defined_symbols=["<mask>"],
    )
    vocabulary = SentencePieceVocabulary({"spm.model": model})
    ids = vocabulary.encode(["a <mask> b"])[0]
    assert vocabulary.mask_id not in ids
    assert vocabulary.encode_arrays(["a <mask> b"])[0].tolist() == ids
    assert vocabulary.decode(ids) == "a <mask> b"
    assert vocabulary.mask_id in vocabulary.encode(["a <mask> b"], parse_masks=True)[0]


def test_a_model_without_a_mask_is_supported(tmp_path):
    path = tmp_path / "spm.model"
    path.write_bytes(train_with_library(TEXT, vocab_size=40, model_type="bpe"))
    spec = SentencePiece(type="sentencepiece", algorithm="bpe", file=str(path))
    vocabulary = spec.load_file()
    assert (vocabulary.mask_id, vocabulary.byte_ids) == (None, ())
    assert vocabulary.decode(vocabulary.encode(TEXT, parse_masks=True)[0]) == TEXT[0]


def test_a_model_of_the_other_algorithm_is_rejected(tmp_path):
    path = tmp_path / "spm.model"
    path.write_bytes(trained("bpe").files["spm.model"])
    spec = SentencePiece(type="sentencepiece", algorithm="unigram", file=str(path))
    with pytest.raises(UserError, match=r"is a bpe model, but tokenizer.algorithm is unigram"):
        spec.load_file()


def test_a_model_without_padding_is_rejected():
    model = train_with_library(
        TEXT, vocab_size=40, model_type="bpe", pad_id=-1, unk_id=0, bos_id=1, eos_id=2
    )
    with pytest.raises(UserError, match=r"has no padding token \(\[PAD\] or <pad>\)"):
        SentencePieceVocabulary({"spm.model": model})


def test_unknown_characters_are_encoded_as_bytes():
    vocabulary = trained()
    (ids,) = vocabulary.encode(["😀"])
    assert set(ids[-4:]) <= set(vocabulary.byte_ids)
    assert not trained(byte_fallback=False, size=60).byte_ids


@pytest.mark.parametrize("normalization", ["none", "nfkc", "nmt_nfkc"])
@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("strip_accents", [False, True])
def test_text_is_normalized_as_configured(normalization, lowercase, strip_accents):
    vocabulary = trained(
        normalization=normalization, lowercase=lowercase, strip_accents=strip_accents
    )
    decoded = vocabulary.decode(vocabulary.encode(["Ｆ É  한 ﬁ"])[0])
    accent = "E" if strip_accents else "É"
    expected = f"Ｆ {accent}  한 ﬁ" if normalization == "none" else f"F {accent} 한 fi"
    assert decoded == (expected.lower() if lowercase else expected)


def test_spaces_are_unchanged_only_without_normalization():
    line = " two  spaces "
    plain = trained(normalization="none")
    assert plain.decode(plain.encode([line])[0]) == line
    assert trained().decode(trained().encode([line])[0]) == "two spaces"


def test_a_word_starts_after_a_space():
    vocabulary = trained()
    (ids,) = vocabulary.encode(["the dog."])
    starts = vocabulary.word_starts(np.array([*ids, vocabulary.end_id]))
    assert starts.tolist() == [
        *(vocabulary.id_to_token(i).startswith("\N{LOWER ONE EIGHTH BLOCK}") for i in ids),
        True,
    ]
