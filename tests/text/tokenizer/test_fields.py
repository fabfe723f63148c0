"""Tests of the fields that all tokenizers have, and of their validation."""

import json

import pytest

from archbuilder.experiment import load
from archbuilder.language import SpecError
from archbuilder.text.tokenizer import Whitespace, WordPiece
from tests import small_run
from tests.tokenizers import TEXT, case_id, every_learner, every_tokenizer, spec
from tests.variants import minimal

SETTINGS = {
    "normalization": ("nfkc", "ｆｏｘ the"),
    "lowercase": (True, "THE FOX"),
    "strip_accents": (True, "thé fox"),
    "user_defined_symbols": (["<fox>"], "the <fox> dog"),
    "sentinels": (2, "the <extra_id_1> dog"),
}


@every_learner
def test_training_uses_at_most_the_given_number_of_characters(variant):
    short = spec(variant, max_training_characters=1000)
    lines = [f"{line} x{index % 7}" for index, line in enumerate(TEXT * 9)]
    assert short.train(lines, 500).digest == short.train(iter(lines), 500).digest
    assert short.train(lines, 500).digest != spec(variant).train(lines, 500).digest


@every_tokenizer
@pytest.mark.parametrize("name", SETTINGS)
def test_every_common_field_has_an_effect(variant, name):
    value, line = SETTINGS[name]
    if (variant, name) == (WordPiece, "lowercase"):
        value = False
    if case_id(variant) in ("SentencePiece", "unigram") and name == "normalization":
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
def test_text_is_lowercased_and_accents_are_removed(variant):
    settings = {"lowercase": True, "strip_accents": True}
    vocabulary = spec(variant, **settings).train([*TEXT, "the cafe naive"], 400)
    assert vocabulary.decode(vocabulary.encode(["The CAFÉ nai\u0308ve"])[0]) == "the cafe naive"


@every_tokenizer
def test_a_symbol_is_always_one_token_and_is_not_normalized(variant):
    symbols = ("<Fox>", "<Fox", "Ω7")
    vocabulary = spec(variant, user_defined_symbols=list(symbols), lowercase=True).train(
        [*TEXT, "a <Fox> b"], 500
    )
    for line, count in (("the <Fox> and Ω7 dog", 2), ("the<Fox>dog", 1), ("Ω7<Fox<Fox>", 3)):
        (ids,) = vocabulary.encode([line])
        tokens = [vocabulary.id_to_token(i) for i in ids]
        assert sum(token in symbols for token in tokens) == count
        assert vocabulary.decode(ids).replace(" ", "").count("<Fox>") == line.count("<Fox>")
        if variant not in (WordPiece, Whitespace):
            assert vocabulary.decode(ids) == line.lower().replace("<fox", "<Fox").replace("ω", "Ω")


@every_tokenizer
def test_sentinels_have_the_names_of_t5(variant):
    vocabulary = spec(variant, sentinels=3, user_defined_symbols=["<x>"]).train(TEXT, 500)
    names = [vocabulary.id_to_token(i) for i in vocabulary.sentinel_ids]
    assert names == ["<extra_id_0>", "<extra_id_1>", "<extra_id_2>"]
    assert spec(variant).train(TEXT, 500).sentinel_ids == ()


@every_tokenizer
@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        (["a", "a"], "symbol 'a' is listed twice"),
        ([""], "a symbol must not be empty"),
        (["<mask>"], "symbol '<mask>' is the name of a special token"),
        (["a b"], "symbol 'a b' must not contain white space"),
        (
            ["<extra_id_7>"],
            "symbol '<extra_id_7>' is the name of a sentinel; set 'sentinels' instead",
        ),
    ],
)
def test_invalid_symbols_are_rejected(variant, symbols, message, tmp_path):
    (problem,) = problems(tmp_path, variant, user_defined_symbols=symbols)
    assert f": tokenizer.user_defined_symbols: {message}" in problem


@every_learner
@pytest.mark.parametrize("name", [*SETTINGS, "max_training_characters"])
def test_a_field_without_effect_next_to_a_file_is_rejected(variant, name, tmp_path):
    file = "tokenizer.json" if variant is WordPiece else "vocabulary"
    value = SETTINGS.get(name, (1000,))[0]
    (problem,) = problems(tmp_path, variant, file=file, **{name: value})
    is_training = name == "max_training_characters"
    reason = "the tokenizer is not trained" if is_training else "the file determines it"
    message = f"{name}: has no effect with 'file', because {reason}; remove it"
    assert f": tokenizer: {message}" in problem


def test_a_character_coverage_below_the_minimum_is_rejected(tmp_path):
    (problem,) = problems(tmp_path, "unigram", character_coverage=0.9)
    assert "character_coverage: must be at least 0.98" in problem


def problems(folder, variant, **settings):
    small = small_run.bert(folder)
    plain = {"type": "sentencepiece", "algorithm": "unigram"}
    small["tokenizer"] = (plain if variant == "unigram" else minimal(variant)) | settings
    with pytest.raises(SpecError) as caught:
        load(small_run.write(small, folder / "spec.yaml"))
    return caught.value.lines


@every_learner
def test_a_resolved_spec_with_a_file_is_valid(variant, tmp_path):
    original = spec(variant, file=str(tmp_path / "vocabulary"))
    resolved = json.loads(json.dumps(original.model_dump(mode="json", exclude_none=True)))
    assert type(original).model_validate(resolved) == original
