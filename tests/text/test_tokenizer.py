"""What holds for every tokenizer, and what is special to each."""

from functools import cache

import pytest

from archbuilder.mistake import UserMistake
from archbuilder.text.tokenizer import SentencePiece, Tokenizer, WordPiece
from archbuilder.text.vocabulary import load_vocabulary
from tests.variants import SAMPLES, classes, minimal

TEXT = [
    "The quick brown fox jumps over the lazy dog.",
    "She sells sea shells, and the shells she sells are sea shells.",
    "机器学习 很 有趣",
    "مرحبا بالعالم",
    "emoji 😀 and café",
] * 5
VARIANTS = [*classes(Tokenizer), "unigram"]


@cache
def trained(variant, size=400):
    return spec(variant).train(TEXT, size)


def spec(variant):
    if variant == "unigram":
        return SentencePiece(type="sentencepiece", algorithm="unigram")
    return variant(**minimal(variant))


every_tokenizer = pytest.mark.parametrize(
    "variant", VARIANTS, ids=lambda variant: getattr(variant, "__name__", variant)
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
def test_the_mask_is_a_mask_only_where_it_is_asked_for(variant):
    vocabulary = trained(variant)
    line = f"the {vocabulary.mask_token} dog"
    assert vocabulary.mask_id not in vocabulary.encode([line])[0]
    ids = vocabulary.encode([line], specials=True)[0]
    assert ids.count(vocabulary.mask_id) == 1
    assert ids[-1] == vocabulary.encode(["dog"])[0][-1]


@every_tokenizer
def test_a_size_without_room_is_one_sentence(variant):
    with pytest.raises(UserMistake, match=r"model.vocabulary_size: 5 "):
        spec(variant).train(TEXT, 5)


@every_tokenizer
def test_an_existing_file_gives_the_vocabulary_again(variant, tmp_path):
    vocabulary = trained(variant)
    vocabulary.save(tmp_path / "tokenizer")
    for file in set(vocabulary.files):
        one = spec(variant).model_copy(update={"file": str(tmp_path / "tokenizer" / file)})
        assert one.load_file().encode(TEXT) == vocabulary.encode(TEXT)


@every_tokenizer
@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe nothing"])
def test_a_file_that_is_none_is_one_sentence(variant, content, tmp_path):
    path = tmp_path / "vocabulary"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserMistake, match="vocabulary: "):
        spec(variant).model_copy(update={"file": str(path)}).load_file()


def test_wordpieces_are_the_longest_known():
    vocabulary = WordPiece(type="wordpiece").train(["unhappy unhappy happy"] * 9, 60)
    tokens = [vocabulary.token(i) for i in vocabulary.encode(["unhappy"])[0]]
    assert tokens == ["unhappy"]


def test_wordpieces_are_written_as_people_write():
    text = "it's 3.5 (or 4), the 'well-known' snake_case: yes!"
    vocabulary = WordPiece(type="wordpiece").train([text] * 9, 100)
    written = vocabulary.decode(vocabulary.encode([text])[0])
    assert written == "it's 3.5 (or 4), the ' well-known ' snake_case: yes!"


def test_samples_cover_what_variants_require():
    for variant in classes(Tokenizer):
        required = [name for name, field in variant.model_fields.items() if field.is_required()]
        assert set(required) - {"type"} <= set(SAMPLES)
