"""Tests of reading and writing Hugging Face tokenizers, with any special tokens."""

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


def write_files(folder, files):
    for name, content in files.items():
        (folder / name).write_bytes(content)


@pytest.mark.parametrize("name", TRAINED)
def test_a_written_tokenizer_is_read_and_gives_the_same_ids(name, tmp_path):
    vocabulary = TRAINED[name].train(iter(LINES), 330)
    write_files(tmp_path, tokenizer_files((vocabulary, vocabulary), EXPERIMENT.model))
    imported, _ = read_tokenizer(tmp_path, {})
    lines = [*LINES[:2], "words that are not in the text: 中文 🙂"]
    assert imported.encode(lines) == vocabulary.encode(lines)
    for role in ("padding", "unknown", "start", "end", "mask"):
        assert getattr(imported, f"{role}_id") == getattr(vocabulary, f"{role}_id")
    assert imported.sentinel_ids == vocabulary.sentinel_ids
    assert [imported.decode(ids) for ids in imported.encode(lines)] == [
        vocabulary.decode(ids) for ids in vocabulary.encode(lines)
    ]
    imported.save(tmp_path / "saved")
    assert load_vocabulary(tmp_path / "saved").encode(lines) == vocabulary.encode(lines)


def test_text_of_an_encoder_is_between_start_and_end_tokens(tmp_path):
    from tokenizers import Tokenizer

    vocabulary = TRAINED["wordpiece"].train(iter(LINES), 60)
    write_files(tmp_path, tokenizer_files((vocabulary, vocabulary), EXPERIMENT.model))
    encoding = Tokenizer.from_file(str(tmp_path / "tokenizer.json")).encode("the cat", "a mat")
    assert encoding.tokens == ["[CLS]", "the", "cat", "[SEP]", "a", "mat", "[SEP]"]
    assert encoding.type_ids == [0, 0, 0, 0, 1, 1, 1]


def test_special_tokens_of_a_decoder_may_have_other_names(tmp_path):
    content = json.loads(TRAINED["byte_level_bpe"].train(iter(LINES), 330).files["tokenizer.json"])
    end = "<|endoftext|>"
    text = json.dumps(content).replace('"</s>"', f'"{end}"')
    for other in ("<pad>", "<unk>", "<s>", "<mask>"):
        text = text.replace(f'"{other}"', f'"not{other}"')
    write_files(tmp_path, {"tokenizer.json": text.encode()})
    settings = {"eos_token": {"content": end}, "bos_token": end, "unk_token": None}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    imported, _ = read_tokenizer(tmp_path, {})
    assert {imported.padding_id, imported.unknown_id, imported.start_id, imported.end_id} == {
        imported._token_to_id(end)
    }
    assert imported.mask_id is None
    assert (
        imported.decode(
            [imported.end_id, *imported.encode(["the cat"])[0], imported.end_id]
        ).strip()
        == "the cat"
    )
    files = tokenizer_files((imported, imported), Experiment.model_validate(DECODER).model)
    assert json.loads(files["tokenizer_config.json"])["eos_token"] == end


def test_the_start_token_of_a_decoder_is_that_of_the_configuration(tmp_path):
    vocabulary = TRAINED["unigram"].train(iter(LINES), 330)
    write_files(tmp_path, {"spiece.model": vocabulary.files["spm.model"]})
    fields = {"is_encoder_decoder": True, "decoder_start_token_id": vocabulary.padding_id}
    imported, _ = read_tokenizer(tmp_path, fields)
    assert imported.start_id == imported.padding_id == vocabulary.padding_id
    assert imported.encode(LINES) == vocabulary.encode(LINES)


@pytest.mark.parametrize("lowercase", [True, False])
def test_a_plain_list_is_used_with_its_settings(lowercase, tmp_path):
    vocabulary = WordPiece(type="wordpiece", lowercase=lowercase).train(iter(LINES), 60)
    write_files(tmp_path, {"vocab.txt": vocabulary.files["vocab.txt"]})
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": lowercase}))
    assert read_tokenizer(tmp_path, {})[0].encode(["The CAT"]) == vocabulary.encode(["The CAT"])


def test_settings_have_priority_over_default_names(tmp_path):
    vocabulary = TRAINED["byte_level_bpe"].train(iter(LINES), 330)
    write_files(tmp_path, {"tokenizer.json": vocabulary.files["tokenizer.json"]})
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<mask>"}))
    imported, _ = read_tokenizer(tmp_path, {})
    assert (imported.end_id, imported.start_id) == (vocabulary.mask_id, vocabulary.start_id)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("tokenizer.json", {"model": {"type": ["BPE"]}}, r"unsupported tokenizer model \['BPE'\]"),
        (
            "tokenizer.json",
            {"model": {"type": "WordLevel"}},
            "unsupported tokenizer model 'WordLevel'",
        ),
        ("tokenizer.json", {"model": 5}, "unsupported tokenizer model None"),
        (
            "tokenizer_config.json",
            {"tokenize_chinese_chars": False},
            "unsupported value tokenize_chinese_chars=False",
        ),
        ("config.json", {"decoder_start_token_id": "x"}, "'x' must be an id"),
        ("config.json", {"decoder_start_token_id": 99999}, "99999 must be an id"),
    ],
)
def test_unsupported_tokenizers_are_rejected(file, content, message, tmp_path):
    vocabulary = WordPiece(type="wordpiece").train(iter(LINES), 60)
    write_files(tmp_path, {"vocab.txt": vocabulary.files["vocab.txt"]})
    (tmp_path / file).write_text(json.dumps(content))
    fields = {"is_encoder_decoder": True} | (content if file == "config.json" else {})
    with pytest.raises(UserError, match=message):
        read_tokenizer(tmp_path, fields)


def test_two_languages_have_separate_pieces_and_a_shared_table(tmp_path):
    write_files(tmp_path, marian.pieces())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"source_lang": "en"}))
    source, target = read_tokenizer(tmp_path, {})
    ids = marian.table()
    assert source.size == target.size == len(ids)
    assert source.start_id == source.padding_id == ids["<pad>"]
    assert (source.end_id, source.mask_id) == (0, None)
    for vocabulary, lines in ((source, marian.SOURCES), (target, marian.TARGETS)):
        encoded = vocabulary.encode(lines)
        assert ids["<unk>"] not in {token_id for line_ids in encoded for token_id in line_ids}
        assert [vocabulary.decode(line_ids) for line_ids in encoded] == lines
        starts = vocabulary.word_starts(np.array(encoded[0]))
        assert starts.sum() == len(lines[0].split())
    assert source.encode(marian.TARGETS) != target.encode(marian.TARGETS)
    assert source.encode([">>de<< the dog"])[0] == [ids[">>de<<"], *source.encode(["the dog"])[0]]
    assert source.encode([">>fr<<"])[0] == [ids["<unk>"]]
    written = tokenizer_files((source, target), EXPERIMENT.model)
    assert marian.pieces().items() <= written.items()
    for number, vocabulary in enumerate((source, target)):
        vocabulary.save(tmp_path / str(number))
        loaded = load_vocabulary(tmp_path / str(number))
        assert loaded.encode(marian.TARGETS) == vocabulary.encode(marian.TARGETS)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("vocab.json", b"{", "the tokenizer cannot be read"),
        (
            "vocab.json",
            b'{"</s>": 0, "<unk>": 1, "<pad>": -1}',
            "must map each token to a non-negative id",
        ),
        ("source.spm", b"?", "the tokenizer cannot be read"),
        ("target.spm", b"", "the SentencePiece model is empty"),
        ("tokenizer.json", b'{"model": {"type": "BPE"}}', "the tokenizer cannot be read"),
    ],
)
def test_a_damaged_tokenizer_is_rejected(name, content, message, tmp_path):
    write_files(tmp_path, marian.pieces() | {name: content})
    with pytest.raises(UserError, match=message):
        read_tokenizer(tmp_path, {})


def test_a_folder_without_a_tokenizer_gives_none(tmp_path):
    assert read_tokenizer(tmp_path, {}) is None


def test_an_unsupported_tokenizer_file_is_reported(tmp_path):
    (tmp_path / "source.spm").write_text("")
    with pytest.raises(UserError, match=r"source\.spm: unsupported tokenizer file"):
        read_tokenizer(tmp_path, {})


def test_a_tokenizer_without_an_equivalent_is_rejected():
    vocabulary = Characters(type="characters").train(iter(LINES), 60)
    with pytest.raises(
        UserError, match="Hugging Face has no equivalent of the tokenizer 'characters'"
    ):
        tokenizer_files((vocabulary, vocabulary), EXPERIMENT.model)
