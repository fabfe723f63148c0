"""A folder's tokenizer becomes a vocabulary that cuts alike, whatever its special tokens are."""

import json

import numpy as np
import pytest

from archbuilder.errors import UserError
from archbuilder.experiment import Experiment
from archbuilder.pretrained.hugging_face.tokenizer_reader import read_tokenizer
from archbuilder.pretrained.hugging_face.tokenizer_writer import tokenizer_files
from archbuilder.text.tokenizer import (
    ByteLevelBPE,
    Characters,
    SentencePiece,
    WordPiece,
    load_vocabulary,
)
from tests.exchange.test_import_model import EXPERIMENT, SPEC
from tests.pretrained.hugging_face import marian

LINES = ["the cat sat on the mat .", "a mat, and a cat: Ünïcode 3.5", "  two  spaces"] * 20
DECODER = {
    "name": "small",
    "model": {
        name: value for name, value in SPEC["model"].items() if name not in ("encoder", "pooler")
    }
    | {"decoder": SPEC["model"]["encoder"], "embeddings": {"tie": "output"}},
    "objectives": {"causal_lm": {}},
}
TRAINED = {
    "wordpiece": WordPiece(type="wordpiece"),
    "byte_level_bpe": ByteLevelBPE(type="byte_level_bpe"),
    "bpe": SentencePiece(type="sentencepiece", algorithm="bpe"),
    "unigram": SentencePiece(type="sentencepiece", algorithm="unigram"),
    "sentinels": SentencePiece(type="sentencepiece", algorithm="unigram", sentinels=3),
}


def put(folder, files):
    for name, content in files.items():
        (folder / name).write_bytes(content)


@pytest.mark.parametrize("name", TRAINED)
def test_what_is_written_is_read_again_and_cuts_alike(name, tmp_path):
    vocabulary = TRAINED[name].train(iter(LINES), 330)
    put(tmp_path, tokenizer_files((vocabulary, vocabulary), EXPERIMENT.model))
    read, _ = read_tokenizer(tmp_path, {})
    lines = [*LINES[:2], "words it never saw: 中文 🙂"]
    assert read.encode(lines) == vocabulary.encode(lines)
    for role in ("padding", "unknown", "start", "end", "mask"):
        assert getattr(read, f"{role}_id") == getattr(vocabulary, f"{role}_id")
    assert read.sentinel_ids == vocabulary.sentinel_ids
    assert [read.decode(ids) for ids in read.encode(lines)] == [
        vocabulary.decode(ids) for ids in vocabulary.encode(lines)
    ]
    read.save(tmp_path / "saved")
    assert load_vocabulary(tmp_path / "saved").encode(lines) == vocabulary.encode(lines)


def test_an_encoder_s_text_stands_between_its_start_and_its_end(tmp_path):
    from tokenizers import Tokenizer

    vocabulary = TRAINED["wordpiece"].train(iter(LINES), 60)
    put(tmp_path, tokenizer_files((vocabulary, vocabulary), EXPERIMENT.model))
    found = Tokenizer.from_file(str(tmp_path / "tokenizer.json")).encode("the cat", "a mat")
    assert found.tokens == ["[CLS]", "the", "cat", "[SEP]", "a", "mat", "[SEP]"]
    assert found.type_ids == [0, 0, 0, 0, 1, 1, 1]


def test_roles_go_by_other_names_in_a_decoder_s_tokenizer(tmp_path):
    content = json.loads(TRAINED["byte_level_bpe"].train(iter(LINES), 330).files["tokenizer.json"])
    end = "<|endoftext|>"
    text = json.dumps(content).replace('"</s>"', f'"{end}"')
    for other in ("<pad>", "<unk>", "<s>", "<mask>"):
        text = text.replace(f'"{other}"', f'"not{other}"')
    put(tmp_path, {"tokenizer.json": text.encode()})
    settings = {"eos_token": {"content": end}, "bos_token": end, "unk_token": None}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    read, _ = read_tokenizer(tmp_path, {})
    assert {read.padding_id, read.unknown_id, read.start_id, read.end_id} == {
        read._token_to_id(end)
    }
    assert read.mask_id is None
    assert (
        read.decode([read.end_id, *read.encode(["the cat"])[0], read.end_id]).strip() == "the cat"
    )
    files = tokenizer_files((read, read), Experiment.model_validate(DECODER).model)
    assert json.loads(files["tokenizer_config.json"])["eos_token"] == end


def test_a_decoder_begins_with_what_the_configuration_says(tmp_path):
    vocabulary = TRAINED["unigram"].train(iter(LINES), 330)
    put(tmp_path, {"spiece.model": vocabulary.files["spm.model"]})
    fields = {"is_encoder_decoder": True, "decoder_start_token_id": vocabulary.padding_id}
    read, _ = read_tokenizer(tmp_path, fields)
    assert read.start_id == read.padding_id == vocabulary.padding_id
    assert read.encode(LINES) == vocabulary.encode(LINES)


@pytest.mark.parametrize("lowercase", [True, False])
def test_a_plain_list_is_read_as_its_settings_say(lowercase, tmp_path):
    vocabulary = WordPiece(type="wordpiece", lowercase=lowercase).train(iter(LINES), 60)
    put(tmp_path, {"vocab.txt": vocabulary.files["vocab.txt"]})
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": lowercase}))
    assert read_tokenizer(tmp_path, {})[0].encode(["The CAT"]) == vocabulary.encode(["The CAT"])


def test_settings_count_more_than_usual_names(tmp_path):
    vocabulary = TRAINED["byte_level_bpe"].train(iter(LINES), 330)
    put(tmp_path, {"tokenizer.json": vocabulary.files["tokenizer.json"]})
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<mask>"}))
    read, _ = read_tokenizer(tmp_path, {})
    assert (read.end_id, read.start_id) == (vocabulary.mask_id, vocabulary.start_id)


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("tokenizer.json", {"model": {"type": ["BPE"]}}, r"type \['BPE'\] cannot be read"),
        ("tokenizer.json", {"model": {"type": "WordLevel"}}, "type 'WordLevel' cannot be read"),
        ("tokenizer.json", {"model": 5}, "type None cannot be read"),
        ("tokenizer_config.json", {"tokenize_chinese_chars": False}, "cannot be false"),
        ("config.json", {"decoder_start_token_id": "x"}, "'x' is no token's id"),
        ("config.json", {"decoder_start_token_id": 99999}, "99999 is no token's id"),
    ],
)
def test_what_a_vocabulary_cannot_be_is_refused(file, content, sentence, tmp_path):
    vocabulary = WordPiece(type="wordpiece").train(iter(LINES), 60)
    put(tmp_path, {"vocab.txt": vocabulary.files["vocab.txt"]})
    (tmp_path / file).write_text(json.dumps(content))
    fields = {"is_encoder_decoder": True} | (content if file == "config.json" else {})
    with pytest.raises(UserError, match=sentence):
        read_tokenizer(tmp_path, fields)


def test_two_languages_have_pieces_of_their_own_and_one_table(tmp_path):
    put(tmp_path, marian.pieces())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"source_lang": "en"}))
    source, target = read_tokenizer(tmp_path, {})
    ids = marian.table()
    assert source.size == target.size == len(ids)
    assert source.start_id == source.padding_id == ids["<pad>"]
    assert (source.end_id, source.mask_id) == (0, None)
    for vocabulary, lines in ((source, marian.SOURCES), (target, marian.TARGETS)):
        found = vocabulary.encode(lines)
        assert ids["<unk>"] not in {one for line in found for one in line}
        assert [vocabulary.decode(one) for one in found] == lines
        starts = vocabulary.word_starts(np.array(found[0]))
        assert starts.sum() == len(lines[0].split())
    assert source.encode(marian.TARGETS) != target.encode(marian.TARGETS)
    assert source.encode([">>de<< the dog"])[0] == [ids[">>de<<"], *source.encode(["the dog"])[0]]
    assert source.encode([">>fr<<"])[0] == [ids["<unk>"]]
    written = tokenizer_files((source, target), EXPERIMENT.model)
    assert marian.pieces().items() <= written.items()
    for number, vocabulary in enumerate((source, target)):
        vocabulary.save(tmp_path / str(number))
        again = load_vocabulary(tmp_path / str(number))
        assert again.encode(marian.TARGETS) == vocabulary.encode(marian.TARGETS)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("vocab.json", b"{", "the tokenizer cannot be read"),
        ("vocab.json", b'{"</s>": 0, "<unk>": 1, "<pad>": -1}', "is not one of tokens and their"),
        ("source.spm", b"?", "the tokenizer cannot be read"),
        ("target.spm", b"", "a model of pieces is empty"),
        ("tokenizer.json", b'{"model": {"type": "BPE"}}', "the tokenizer cannot be read"),
    ],
)
def test_a_damaged_tokenizer_is_told(name, content, sentence, tmp_path):
    put(tmp_path, marian.pieces() | {name: content})
    with pytest.raises(UserError, match=sentence):
        read_tokenizer(tmp_path, {})


def test_a_folder_may_hold_no_tokenizer(tmp_path):
    assert read_tokenizer(tmp_path, {}) is None


def test_a_tokenizer_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "source.spm").write_text("")
    with pytest.raises(UserError, match=r"source\.spm: is of no tokenizer that can be read"):
        read_tokenizer(tmp_path, {})


def test_a_tokenizer_that_has_no_like_there_is_refused():
    vocabulary = Characters(type="characters").train(iter(LINES), 60)
    with pytest.raises(UserError, match="Hugging Face has no tokenizer like characters"):
        tokenizer_files((vocabulary, vocabulary), EXPERIMENT.model)
