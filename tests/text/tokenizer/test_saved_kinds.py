"""Saved vocabularies name their kind by an id that does not depend on any class name."""

import hashlib
import json

import pytest

from archbuilder.errors import UserError
from archbuilder.text.tokenizer import VOCABULARY_CLASSES, AnyVocabulary, load_vocabulary
from archbuilder.text.vocabulary import CLASS_NAMES, CONFIG_FILE
from tests.tokenizers import TEXT, every_tokenizer, trained
from tests.variants import classes

CLASS_NAMES_ON_DISK = {
    "ByteLevelVocabulary": "byte_level_bpe",
    "ByteVocabulary": "bytes",
    "CharacterVocabulary": "characters",
    "ConvertedPiecesVocabulary": "sentencepiece_json",
    "MarianVocabulary": "marian",
    "SentencePieceVocabulary": "sentencepiece",
    "WhitespaceVocabulary": "whitespace",
    "WordPieceVocabulary": "wordpiece",
}
"""Class names in folders that were saved before kinds had ids, and the id of each."""


def test_every_vocabulary_class_has_a_unique_kind():
    assert len(VOCABULARY_CLASSES) == len(classes(AnyVocabulary))


def test_ids_on_disk_never_change():
    assert set(CLASS_NAMES_ON_DISK.values()) <= set(VOCABULARY_CLASSES)
    assert {kind: name for name, kind in CLASS_NAMES_ON_DISK.items()} == CLASS_NAMES


@every_tokenizer
def test_a_folder_with_a_class_name_is_loaded(variant, tmp_path):
    vocabulary = trained(variant)
    vocabulary.save(tmp_path / "tokenizer")
    file = tmp_path / "tokenizer" / CONFIG_FILE
    config = json.loads(file.read_text())
    assert VOCABULARY_CLASSES[config["kind"]] is type(vocabulary)
    file.write_text(json.dumps(config | {"kind": CLASS_NAMES[config["kind"]]}))
    loaded = load_vocabulary(tmp_path / "tokenizer")
    assert type(loaded) is type(vocabulary)
    assert loaded.encode(TEXT) == vocabulary.encode(TEXT)


@every_tokenizer
def test_digests_equal_those_of_folders_with_a_class_name(variant):
    vocabulary = trained(variant)
    expected = hashlib.sha256(CLASS_NAMES[vocabulary.kind].encode())
    for name, content in sorted(vocabulary.files.items()):
        expected.update(name.encode() + hashlib.sha256(content).digest())
    assert vocabulary.digest == expected.hexdigest()


def test_an_unknown_kind_is_rejected(tmp_path):
    (tmp_path / CONFIG_FILE).write_text(json.dumps({"kind": "morse", "files": []}))
    with pytest.raises(UserError, match="the tokenizer cannot be read"):
        load_vocabulary(tmp_path)
