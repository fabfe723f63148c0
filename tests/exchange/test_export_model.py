"""Tests of writing Hugging Face folders: file names, special token ids and position offsets."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from archbuilder.exchange.export_model import write_folder
from archbuilder.exchange.import_model import read_folder
from archbuilder.experiment import Experiment
from archbuilder.text.tokenizer import ByteLevelBPE, Characters, WordPiece
from tests.exchange.test_import_model import EXPERIMENT, SPEC, WEIGHTS, weights_of

LINES = ["the cat sat on the mat", "a mat and a cat"]


def config(folder):
    return json.loads((folder / "config.json").read_text())


def test_the_folder_has_the_files_and_weights_of_the_architecture(tmp_path):
    write_folder(tmp_path / "out", EXPERIMENT, WEIGHTS, None)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "config.json",
        "model.safetensors",
    ]
    assert config(tmp_path / "out")["architectures"] == ["BertForPreTraining"]
    arrays = load_file(tmp_path / "out" / "model.safetensors")
    np.testing.assert_array_equal(
        arrays["bert.encoder.layer.1.attention.self.query.weight"],
        WEIGHTS["encoder.layers.1.attention.query/kernel"].T,
    )
    np.testing.assert_array_equal(
        arrays["cls.predictions.bias"], WEIGHTS["words.bias/embeddings"][0]
    )


def test_special_token_ids_are_those_of_the_tokenizer(tmp_path):
    vocabulary = WordPiece(type="wordpiece").train(iter(["a mat", "a cat"]), 20)
    write_folder(tmp_path / "out", EXPERIMENT, WEIGHTS, (vocabulary, vocabulary))
    fields = config(tmp_path / "out")
    assert (fields["pad_token_id"], fields["bos_token_id"], fields["eos_token_id"]) == (0, 2, 3)
    imported = read_folder(tmp_path / "out", "imported").vocabularies[0]
    assert imported.encode(LINES) == vocabulary.encode(LINES)


def test_an_unsupported_tokenizer_is_reported_and_skipped(tmp_path):
    vocabulary = Characters(type="characters").train(iter(LINES), 40)
    note = write_folder(tmp_path / "out", EXPERIMENT, WEIGHTS, (vocabulary, vocabulary))
    reason = "Hugging Face has no equivalent of the tokenizer 'characters'"
    assert note == f"written without a tokenizer: {reason}"
    assert not (tmp_path / "out" / "tokenizer.json").exists()


@pytest.mark.parametrize("offset", [1, 2, 5])
def test_positions_of_roberta_start_after_the_padding_token(tmp_path, offset):
    model = SPEC["model"] | {
        "embeddings": SPEC["model"]["embeddings"] | {"num_segments": 1},
        "positions": SPEC["model"]["positions"] | {"offset": offset},
        "pooler": None,
    }
    spec = {"name": "small", "model": model, "objectives": {"masked_lm": {}}}
    experiment = Experiment.model_validate(spec)
    vocabulary = ByteLevelBPE(type="byte_level_bpe").train(iter(LINES), 300)
    assert vocabulary.padding_id == 0
    original = weights_of(experiment)
    write_folder(tmp_path / "out", experiment, original, (vocabulary, vocabulary))
    fields = config(tmp_path / "out")
    assert fields["model_type"] == "roberta"
    assert (fields["pad_token_id"], fields["max_position_embeddings"]) == (0, 17)
    table = load_file(tmp_path / "out" / "model.safetensors")[
        "roberta.embeddings.position_embeddings.weight"
    ]
    np.testing.assert_array_equal(table[1:], original["positions/embeddings"][offset:])
