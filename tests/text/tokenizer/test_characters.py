"""Tests of the character tokenizer."""

import json

import numpy as np
import pytest

from archbuilder.errors import UserError
from archbuilder.text.tokenizer import Characters
from archbuilder.text.tokenizer.characters import CharacterVocabulary


@pytest.mark.parametrize("characters", ["aa", ["ab"], 7])
def test_an_invalid_list_of_characters_is_rejected(tmp_path, characters):
    path = tmp_path / "characters.json"
    path.write_text(json.dumps({"lowercase": False, "characters": characters}))
    with pytest.raises(UserError, match="not a list of characters"):
        Characters(type="characters", file=str(path)).load_file()


def test_files_of_older_runs_with_fewer_fields_are_read():
    content = json.dumps({"lowercase": True, "characters": "ab"}).encode()
    assert CharacterVocabulary({"characters.json": content}).encode(["aBc"]) == [[5, 6, 1]]


@pytest.mark.parametrize("invalid", [{"lowercase": 1}, {"normalization": "nfd"}, {"symbols": "ab"}])
def test_invalid_settings_are_rejected(invalid):
    content = json.dumps({"lowercase": True, "characters": "ab"} | invalid).encode()
    with pytest.raises(ValueError, match="must be"):
        CharacterVocabulary({"characters.json": content})


def test_a_word_starts_after_white_space():
    vocabulary = Characters(type="characters").train(["ab c"], 20)
    ids = [vocabulary.start_id, *vocabulary.encode(["ab c"])[0], vocabulary.end_id]
    starts = [True, True, False, False, True, True]
    assert vocabulary.word_starts(np.array(ids)).tolist() == starts
