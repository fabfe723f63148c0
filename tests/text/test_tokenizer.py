"""What holds for every tokenizer, and what is special to each."""

import io
import json
from functools import cache

import pytest

from archbuilder.mistake import UserMistake
from archbuilder.text.tokenizer import (
    Characters,
    SentencePiece,
    Tokenizer,
    WordPiece,
    load_vocabulary,
)
from archbuilder.text.tokenizer.sentencepiece import SentencePieceVocabulary
from archbuilder.text.vocabulary import BRACKETED
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


@every_tokenizer
def test_a_mask_is_written_out_again(variant):
    vocabulary = trained(variant)
    for line in ("the {} dog", "the lazy {}.", "{} dog"):
        line = line.format(vocabulary.mask_token)
        ids = [vocabulary.start_id, *vocabulary.encode([line], specials=True)[0], vocabulary.end_id]
        assert vocabulary.decode(ids) == line


@every_tokenizer
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


def existing(tmp_path, content):
    (tmp_path / "vocabulary").write_bytes(content)
    return WordPiece(type="wordpiece", file=str(tmp_path / "vocabulary")).load_file()


def test_a_tokenizer_that_pads_and_cuts_is_kept_from_it(tmp_path):
    from tokenizers import Tokenizer as Library

    ours = trained(WordPiece)
    library = Library.from_str(ours.files["tokenizer.json"].decode())
    library.enable_padding(length=64)
    library.enable_truncation(4)
    assert existing(tmp_path, library.to_str().encode()).encode(TEXT) == ours.encode(TEXT)


def test_only_line_feeds_part_the_tokens_of_a_vocabulary(tmp_path):
    for end in ("\n", "\r\n"):
        tokens = [*BRACKETED, "a", "\u2028", "\x85", "b"]
        vocabulary = existing(tmp_path, "".join(token + end for token in tokens).encode())
        assert [vocabulary.token(i) for i in range(vocabulary.size)] == tokens


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("\n".join([*BRACKETED, "a", "a"]).encode(), "the token 'a' stands in it twice"),
        ("\n".join(BRACKETED[:4]).encode(), r"vocabulary: has no \[MASK\] token"),
    ],
)
def test_a_vocabulary_that_cannot_serve_is_one_sentence(tmp_path, content, sentence):
    with pytest.raises(UserMistake, match=sentence):
        existing(tmp_path, content)


@pytest.mark.parametrize("characters", ["aa", ["ab"], 7])
def test_characters_that_are_none_are_one_sentence(tmp_path, characters):
    path = tmp_path / "characters.json"
    path.write_text(json.dumps({"lowercase": False, "characters": characters}))
    with pytest.raises(UserMistake, match="not a list of characters"):
        Characters(type="characters", file=str(path)).load_file()


def test_more_characters_than_there_is_room_for_are_unknown():
    letters = [chr(0x4E00 + place) for place in range(300)]
    lines = ["the cat sat"] * 400 + ["".join(letters)]
    vocabulary = WordPiece(type="wordpiece", limit_alphabet=20).train(lines, 100)
    assert vocabulary.size <= 100
    assert vocabulary.encode([letters[-1]]) == [[vocabulary.unknown_id]]
    assert [vocabulary.token(i) for i in vocabulary.encode(["cat"])[0]] == ["cat"]


def test_what_follows_a_mask_begins_a_word_only_behind_a_space():
    vocabulary = trained("unigram")
    for line, begins in (("the <mask> dog", True), ("the <mask>.", False)):
        ids = vocabulary.encode([line], specials=True)[0]
        after = vocabulary.token(ids[ids.index(vocabulary.mask_id) + 1])
        assert after.startswith("\N{LOWER ONE EIGHTH BLOCK}") == begins


def test_a_model_that_takes_its_mask_for_text_does_not_in_training_text():
    from sentencepiece import SentencePieceTrainer

    model = io.BytesIO()
    SentencePieceTrainer.Train(
        sentence_iterator=iter(["a mask > b < c"] * 9),
        model_writer=model,
        vocab_size=18,
        hard_vocab_limit=False,
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        user_defined_symbols=["<mask>"],
        minloglevel=2,
    )
    vocabulary = SentencePieceVocabulary({"spm.model": model.getvalue()})
    ids = vocabulary.encode(["a <mask> b"])[0]
    assert vocabulary.mask_id not in ids
    assert vocabulary.decode(ids) == "a <mask> b"
    assert vocabulary.mask_id in vocabulary.encode(["a <mask> b"], specials=True)[0]
