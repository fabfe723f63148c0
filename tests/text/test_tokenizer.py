"""What holds for every tokenizer."""

import json
from functools import cache

import numpy as np
import pytest

from archbuilder.experiment import load
from archbuilder.language import SpecError
from archbuilder.mistake import UserMistake
from archbuilder.text.tokenizer import (
    Bytes,
    SentencePiece,
    Tokenizer,
    Whitespace,
    WordPiece,
    load_vocabulary,
)
from tests import small_run
from tests.variants import SAMPLES, classes, minimal

TEXT = [
    "The quick brown fox jumps over the lazy dog.",
    "She sells sea shells, and the shells she sells are sea shells.",
    "机器学习 很 有趣",
    "مرحبا بالعالم",
    "emoji 😀 and café",
] * 5
SCRIPTS = [
    "我们学习机器翻译。",
    "السلام عليكم، كيف الحال؟",
    "שלום עולם, abc עברית 123",
    "\u202bright to left\u202c",
    "family 👨‍👩‍👧‍👦 flag 🏳️‍🌈 thumb 👍🏽",
    "e\u0301 u\u0308 o\u0302\u0323 café cafe\u0301",
    "हिन्दी ไทย 한국어 ｆｕｌｌ",
]
VARIANTS = [*classes(Tokenizer), "unigram"]
SETTINGS = {
    "normalization": ("nfkc", "ｆｏｘ the"),
    "lowercase": (True, "THE FOX"),
    "strip_accents": (True, "thé fox"),
    "symbols": (["<fox>"], "the <fox> dog"),
}


@cache
def trained(variant, size=400):
    return spec(variant).train(TEXT, size)


def spec(variant, **settings):
    if variant == "unigram":
        return SentencePiece(type="sentencepiece", algorithm="unigram", **settings)
    return variant(**minimal(variant) | settings)


def named(variant):
    return getattr(variant, "__name__", variant)


every_tokenizer = pytest.mark.parametrize("variant", VARIANTS, ids=named)
every_learner = pytest.mark.parametrize(
    "variant", [one for one in VARIANTS if one is not Bytes], ids=named
)


@every_tokenizer
def test_text_survives_the_round_trip(variant):
    vocabulary = trained(variant)
    for line, ids in zip(TEXT, vocabulary.encode(TEXT), strict=True):
        back = vocabulary.decode(ids)
        if variant is WordPiece:  # Lower-cased, without accents, and Chinese set apart.
            line, back = (text.lower().replace("é", "e").replace(" ", "") for text in (line, back))
        assert back == line


@every_tokenizer
def test_all_writing_survives_exactly_where_nothing_is_normalised(variant):
    settings = {"lowercase": False} if variant is WordPiece else {"normalization": "none"}
    vocabulary = spec(variant, **settings).train(SCRIPTS * 5, 600)
    for line, ids in zip(SCRIPTS, vocabulary.encode(SCRIPTS), strict=True):
        back = vocabulary.decode(ids)
        if variant is WordPiece:  # Spaces are put around signs; direction marks are taken out.
            line, back = (
                "".join(one for one in text if one not in " \u200d\u202b\u202c")
                for text in (line, back)
            )
        assert back == line


@every_tokenizer
def test_the_same_text_gives_the_same_vocabulary(variant):
    assert spec(variant).train(TEXT, 400).digest == spec(variant).train(TEXT, 400).digest


@every_tokenizer
def test_a_saved_vocabulary_is_the_same(variant, tmp_path):
    vocabulary = trained(variant)
    vocabulary.save(tmp_path / "tokenizer")
    again = load_vocabulary(tmp_path / "tokenizer")
    assert again.digest == vocabulary.digest
    assert again.encode(TEXT) == vocabulary.encode(TEXT)


@every_tokenizer
def test_a_vocabulary_is_never_larger_than_asked_for(variant):
    for size in (350, 10_000):
        assert spec(variant).train(TEXT, size).size <= size


@every_tokenizer
def test_every_id_is_below_the_size_and_special_ids_are_five(variant):
    vocabulary = trained(variant)
    assert all(0 <= i < vocabulary.size for ids in vocabulary.encode(TEXT) for i in ids)
    special = {vocabulary.padding_id, vocabulary.unknown_id, vocabulary.start_id}
    special |= {vocabulary.end_id, vocabulary.mask_id}
    assert vocabulary.special_ids == tuple(sorted(special))
    assert len(special) == 5


@every_tokenizer
def test_arrays_hold_what_lists_hold(variant):
    lines = [*SCRIPTS, "", " ", *TEXT]
    for vocabulary in (trained(variant), spec(variant, symbols=["sea", "😀"]).train(TEXT, 400)):
        ids, counts = vocabulary.encode_arrays(lines)
        assert (ids.dtype, counts.dtype) == ("int32", "int64")
        encoded = vocabulary.encode(lines)
        assert counts.tolist() == [len(row) for row in encoded]
        assert ids.tolist() == [i for row in encoded for i in row]
        assert [len(array) for array in vocabulary.encode_arrays([])] == [0, 0]


@every_tokenizer
def test_the_mask_is_a_mask_only_where_it_is_asked_for(variant):
    vocabulary = trained(variant)
    line = f"the {vocabulary.mask_token} dog."
    assert vocabulary.mask_id not in vocabulary.encode([line])[0]
    ids = vocabulary.encode([line], specials=True)[0]
    assert ids.count(vocabulary.mask_id) == 1
    assert ids[-1] == vocabulary.encode(["the dog."])[0][-1]


@every_tokenizer
def test_no_special_token_is_ever_read_from_text(variant):
    text = ["<s> a </s> [CLS] <mask> [MASK] <pad> [SEP]"] * 9
    vocabulary = spec(variant).train([*TEXT, *text], 500)
    found = set(vocabulary.encode(text[:1])[0]) & set(vocabulary.special_ids)
    assert found <= {vocabulary.unknown_id}


@every_tokenizer
def test_a_size_without_room_is_one_sentence(variant):
    with pytest.raises(UserMistake, match=r"model.vocabulary_size: 5 "):
        spec(variant).train(TEXT, 5)


@every_tokenizer
def test_a_mask_is_written_out_again(variant):
    vocabulary = trained(variant)
    lines = ("the {} dog.", "{} dog.", "the lazy {}")
    for line in (*lines, *([] if variant is Whitespace else ["the lazy {}."])):
        line = line.format(vocabulary.mask_token)
        ids = [vocabulary.start_id, *vocabulary.encode([line], specials=True)[0], vocabulary.end_id]
        assert vocabulary.decode(ids) == line


@every_learner
@pytest.mark.parametrize("lines", [[], ["", ""]])
def test_no_text_is_one_sentence(variant, lines):
    with pytest.raises(UserMistake, match="there is no text to train the tokenizer on"):
        spec(variant).train(lines, 400)


@every_tokenizer
@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff nothing"])
def test_a_damaged_folder_is_one_sentence(variant, content, tmp_path):
    folder = tmp_path / "tokenizer"
    for damaged in ["tokenizer.config.json", sorted(trained(variant).files)[0]]:
        trained(variant).save(folder)
        (folder / damaged).write_bytes(content)
        with pytest.raises(UserMistake, match="tokenizer: the tokenizer cannot be read"):
            load_vocabulary(folder)
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()


@every_learner
def test_an_existing_file_gives_the_vocabulary_again(variant, tmp_path):
    vocabulary = trained(variant)
    vocabulary.save(tmp_path / "tokenizer")
    for file in set(vocabulary.files):
        one = spec(variant, file=str(tmp_path / "tokenizer" / file))
        assert one.load_file().encode(TEXT) == vocabulary.encode(TEXT)


@every_learner
@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe nothing"])
def test_a_file_that_is_none_is_one_sentence(variant, content, tmp_path):
    path = tmp_path / "vocabulary"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserMistake, match="vocabulary: "):
        spec(variant, file=str(path)).load_file()


@every_learner
def test_training_reads_no_more_than_it_is_told(variant):
    short = spec(variant, training_characters=1000)
    lines = [f"{line} x{place % 7}" for place, line in enumerate(TEXT * 9)]
    assert short.train(lines, 500).digest == short.train(iter(lines), 500).digest
    assert short.train(lines, 500).digest != spec(variant).train(lines, 500).digest


@every_tokenizer
@pytest.mark.parametrize("name", SETTINGS)
def test_every_common_field_has_an_effect(variant, name):
    value, line = SETTINGS[name]
    if (variant, name) == (WordPiece, "lowercase"):
        value = False
    if named(variant) in ("SentencePiece", "unigram") and name == "normalization":
        value = "none"
    text = [*TEXT, *[text for _, text in SETTINGS.values()]] * 2
    settings = {"strip_accents": False} if variant is WordPiece else {}
    plain = spec(variant, **settings).train(text, 500)
    other = spec(variant, **settings | {name: value}).train(text, 500)
    assert plain.digest != other.digest
    assert plain.decode(plain.encode([line])[0]) != other.decode(other.encode([line])[0]) or (
        plain.encode([line]) != other.encode([line])
    )


@every_tokenizer
def test_lower_case_and_no_accents_are_what_they_say(variant):
    settings = {"lowercase": True, "strip_accents": True}
    vocabulary = spec(variant, **settings).train([*TEXT, "the cafe naive"], 400)
    assert vocabulary.decode(vocabulary.encode(["The CAFÉ nai\u0308ve"])[0]) == "the cafe naive"


@every_tokenizer
def test_a_symbol_is_one_token_wherever_it_stands_and_survives(variant):
    symbols = ("<Fox>", "<Fox", "Ω7")
    vocabulary = spec(variant, symbols=list(symbols), lowercase=True).train(
        [*TEXT, "a <Fox> b"], 500
    )
    for line, count in (("the <Fox> and Ω7 dog", 2), ("the<Fox>dog", 1), ("Ω7<Fox<Fox>", 3)):
        (ids,) = vocabulary.encode([line])
        tokens = [vocabulary.token(i) for i in ids]
        assert sum(token in symbols for token in tokens) == count
        assert vocabulary.decode(ids).replace(" ", "").count("<Fox>") == line.count("<Fox>")
        if variant not in (WordPiece, Whitespace):
            assert vocabulary.decode(ids) == line.lower().replace("<fox", "<Fox").replace("ω", "Ω")


@every_tokenizer
def test_words_begin_where_they_do(variant):
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
def test_bytes_spell_what_is_unknown_only_in_sentencepiece(variant):
    count = 256 if named(variant) in ("SentencePiece", "unigram") else 0
    assert len(trained(variant).byte_ids) == count
    assert all(trained(variant).token(i).startswith("<0x") for i in trained(variant).byte_ids)


@every_tokenizer
@pytest.mark.parametrize(
    ("symbols", "sentence"),
    [
        (["a", "a"], "the symbol 'a' is written twice"),
        ([""], "a symbol must not be empty"),
        (["<mask>"], "the symbol '<mask>' is a special token's name"),
        (["a b"], "the symbol 'a b' must not hold white space"),
    ],
)
def test_a_symbol_that_cannot_be_is_one_sentence(variant, symbols, sentence, tmp_path):
    (mistake,) = mistakes(tmp_path, variant, symbols=symbols)
    assert f": tokenizer.symbols: {sentence}" in mistake


@every_learner
@pytest.mark.parametrize("name", [*SETTINGS, "training_characters"])
def test_a_field_without_effect_beside_a_file_is_refused(variant, name, tmp_path):
    file = "tokenizer.json" if variant is WordPiece else "vocabulary"
    value = SETTINGS.get(name, (1000,))[0]
    (mistake,) = mistakes(tmp_path, variant, file=file, **{name: value})
    why = "nothing is trained" if name == "training_characters" else "the file says it"
    assert f": tokenizer: {name}: has no effect beside 'file': {why}" in mistake


def mistakes(folder, variant, **settings):
    small = small_run.bert(folder)
    given = {"type": "sentencepiece", "algorithm": "unigram"}
    small["tokenizer"] = (given if variant == "unigram" else minimal(variant)) | settings
    with pytest.raises(SpecError) as caught:
        load(small_run.write(small, folder / "spec.yaml"))
    return caught.value.lines


@every_learner
def test_a_resolved_spec_with_a_file_can_be_read_again(variant, tmp_path):
    one = spec(variant, file=str(tmp_path / "vocabulary"))
    resolved = json.loads(json.dumps(one.model_dump(mode="json", exclude_none=True)))
    assert type(one).model_validate(resolved) == one


def test_samples_cover_what_variants_require():
    for variant in classes(Tokenizer):
        required = [name for name, field in variant.model_fields.items() if field.is_required()]
        assert set(required) - {"type"} <= set(SAMPLES)
