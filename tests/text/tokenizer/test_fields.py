"""What every tokenizer can be told, and what it refuses to be told."""

import json

import pytest

from archbuilder.experiment import load
from archbuilder.language import SpecError
from archbuilder.text.tokenizer import Whitespace, WordPiece
from tests import small_run
from tests.tokenizers import TEXT, every_learner, every_tokenizer, named, spec
from tests.variants import minimal

SETTINGS = {
    "normalization": ("nfkc", "ｆｏｘ the"),
    "lowercase": (True, "THE FOX"),
    "strip_accents": (True, "thé fox"),
    "user_defined_symbols": (["<fox>"], "the <fox> dog"),
    "sentinels": (2, "the <extra_id_1> dog"),
}


@every_learner
def test_training_reads_no_more_than_it_is_told(variant):
    short = spec(variant, max_training_characters=1000)
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
def test_sentinels_are_found_by_their_names(variant):
    vocabulary = spec(variant, sentinels=3, user_defined_symbols=["<x>"]).train(TEXT, 500)
    written = [vocabulary.id_to_token(i) for i in vocabulary.sentinel_ids]
    assert written == ["<extra_id_0>", "<extra_id_1>", "<extra_id_2>"]
    assert spec(variant).train(TEXT, 500).sentinel_ids == ()


@every_tokenizer
@pytest.mark.parametrize(
    ("symbols", "sentence"),
    [
        (["a", "a"], "the symbol 'a' is written twice"),
        ([""], "a symbol must not be empty"),
        (["<mask>"], "the symbol '<mask>' is a special token's name"),
        (["a b"], "the symbol 'a b' must not hold white space"),
        (["<extra_id_7>"], "the symbol '<extra_id_7>' is a sentinel's name: write 'sentinels'"),
    ],
)
def test_a_symbol_that_cannot_be_is_one_sentence(variant, symbols, sentence, tmp_path):
    (mistake,) = problems(tmp_path, variant, symbols=symbols)
    assert f": tokenizer.user_defined_symbols: {sentence}" in mistake


@every_learner
@pytest.mark.parametrize("name", [*SETTINGS, "max_training_characters"])
def test_a_field_without_effect_beside_a_file_is_refused(variant, name, tmp_path):
    file = "tokenizer.json" if variant is WordPiece else "vocabulary"
    value = SETTINGS.get(name, (1000,))[0]
    (mistake,) = problems(tmp_path, variant, file=file, **{name: value})
    why = "nothing is trained" if name == "max_training_characters" else "the file says it"
    assert f": tokenizer: {name}: has no effect beside 'file': {why}" in mistake


def test_a_coverage_that_the_library_cannot_have_is_refused_at_its_line(tmp_path):
    (mistake,) = problems(tmp_path, "unigram", character_coverage=0.9)
    assert "character_coverage: must be at least 0.98" in mistake


def problems(folder, variant, **settings):
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
