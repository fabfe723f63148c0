"""Parity of token ids with `transformers` and the tokenizer libraries; `make parity` runs it."""

import json

import pytest

from archbuilder.text.tokenizer import ByteLevelBPE, SentencePiece, WordPiece
from archbuilder.text.vocabulary import BERT_SPECIAL_TOKENS

pytestmark = pytest.mark.oracle

PAGE = [
    "The quick brown fox can't jump over the 3.5 lazy dogs (or: 4,000)!",
    "Crème brûlée, naïve façade, Ångström, İstanbul, Straße, ΣΊΣΥΦΟΣ",
    "cafe\u0301 e\u0302\u0323 \u0301a  o\u0308\u0304",
    "我们学习机器翻译。中文and English混合 𠀀𪚥 ㍿ 々",
    "السلام عليكم، كَيْفَ الحَالُ؟ ١٢٣",
    "שָׁלוֹם עולם \u202bright to left\u202c \u200fx\u200e",
    "हिन्दी में ไทย 한국어 日本語 カタカナ",
    "family 👨‍👩‍👧‍👦 flag 🏳️‍🌈 thumb 👍🏽 ☃ ™ ©",
    "con\x00trol\x01 cha\x7fr\x85s\ttab\u00a0space\u3000wide\u2028line\u200bzero\ufeffbom\ufffd",
    "\x1c\x1d separators \x1e here\x1f  and   spaces ",
    "punct'u'ation--... «quoted» “curly” ‘single’ – dash — ¿? $5 £6 ^ ` ~ | _x_",
    "x" * 99 + " " + "y" * 100 + " " + "z" * 101,
    "ﬁne ｆｕｌｌ ½ ² Ⅳ",
    "",
    " ",
]


def wordpieces():
    letters = sorted({letter for line in PAGE for letter in line.lower() if not letter.isspace()})
    words = ["the", "quick", "##ing", "##s", "fox", "dog", "cafe", "nai", "##ve", "机器", "and"]
    both = [*letters, *(letter.upper() for letter in letters if len(letter.upper()) == 1)]
    tokens = [*BERT_SPECIAL_TOKENS, *words, *both, *(f"##{letter}" for letter in both)]
    return list(dict.fromkeys(tokens))


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("strip_accents", [None, True, False])
@pytest.mark.parametrize("oracle", ["BertTokenizer", "BertTokenizerFast"])
def test_wordpiece_ids_equal_those_of_bert(oracle, lowercase, strip_accents, tmp_path):
    import transformers

    path = tmp_path / "vocab.txt"
    path.write_text("".join(f"{token}\n" for token in wordpieces()), encoding="utf-8")
    reference = getattr(transformers, oracle)(
        vocab=str(path),
        do_lower_case=lowercase,
        strip_accents=strip_accents,
        tokenize_chinese_chars=True,
    )
    settings = {} if strip_accents is None else {"strip_accents": strip_accents}
    spec = WordPiece(type="wordpiece", lowercase=lowercase, file=str(path), **settings)
    vocabulary = spec.load_file()
    assert reference.convert_tokens_to_ids("fox") == vocabulary.encode(["fox"])[0][0]
    for line, ids in zip(PAGE, vocabulary.encode(PAGE), strict=True):
        assert ids == reference.encode(line, add_special_tokens=False)


@pytest.mark.parametrize("add_prefix_space", [True, False])
def test_byte_level_bpe_ids_equal_those_of_its_tokenizer_json(add_prefix_space, tmp_path):
    from transformers import PreTrainedTokenizerFast

    spec = ByteLevelBPE(type="byte_level_bpe", add_prefix_space=add_prefix_space)
    path = tmp_path / "tokenizer.json"
    path.write_bytes(spec.train(PAGE * 3, 700).files["tokenizer.json"])
    reference = PreTrainedTokenizerFast(tokenizer_file=str(path))
    vocabulary = ByteLevelBPE(type="byte_level_bpe", file=str(path)).load_file()
    for line, ids in zip(PAGE, vocabulary.encode(PAGE), strict=True):
        assert ids == reference.encode(line, add_special_tokens=False)


def test_byte_level_bpe_splits_words_as_gpt2_does(tmp_path):
    from transformers import GPT2Tokenizer

    spec = ByteLevelBPE(type="byte_level_bpe", add_prefix_space=False)
    vocabulary = spec.train(PAGE * 3, 700)
    model = json.loads(vocabulary.files["tokenizer.json"])["model"]
    reference = GPT2Tokenizer(
        vocab=model["vocab"], merges=[tuple(pair) for pair in model["merges"]]
    )
    for line, ids in zip(PAGE, vocabulary.encode(PAGE), strict=True):
        assert ids == reference.encode(line, add_special_tokens=False)


@pytest.mark.parametrize("algorithm", ["bpe", "unigram"])
def test_sentencepiece_ids_equal_those_of_the_library(algorithm):
    from sentencepiece import SentencePieceProcessor

    spec = SentencePiece(type="sentencepiece", algorithm=algorithm)
    vocabulary = spec.train([line for line in PAGE if line.strip()] * 3, 700)
    library = SentencePieceProcessor(model_proto=vocabulary.files["spm.model"])
    assert vocabulary.encode(PAGE) == [library.EncodeAsIds(line) for line in PAGE]
