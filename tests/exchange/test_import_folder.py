"""Tests of creating a run folder from a Hugging Face folder."""

import keras
import numpy as np
import pytest

from archbuilder import open_run
from archbuilder.errors import UserError
from archbuilder.exchange.export import export
from archbuilder.exchange.export_model import write_folder
from archbuilder.exchange.import_model import import_folder
from archbuilder.experiment import load
from archbuilder.runs.run_folder import RunFolder
from archbuilder.text.tokenizer import WordPiece
from tests.exchange.test_import_model import EXPERIMENT, WEIGHTS

LINES = ["the cat sat", "a mat and a cat"]


@pytest.fixture
def folder(tmp_path):
    vocabulary = WordPiece(type="wordpiece").train(iter(LINES), 20)
    write_folder(tmp_path / "original", EXPERIMENT, WEIGHTS, (vocabulary, vocabulary))
    return tmp_path / "original"


def test_an_imported_run_predicts_and_exports(folder, tmp_path):
    imported = import_folder(folder, tmp_path / "my run!")
    assert imported.not_imported == []
    run = RunFolder(tmp_path / "my run!")
    assert load(run.spec).name == "my_run_"
    model = keras.saving.load_model(run.model)
    for weight in model.weights:
        np.testing.assert_array_equal(weight, imported.weights[weight.path])
    (filled,) = open_run(run.path).predict(["the [MASK] sat"])
    assert len(filled.masks) == 1
    assert export(run, "hugging_face", tmp_path / "exported") == 0
    for file in ("config.json", "model.safetensors", "tokenizer.json"):
        assert (tmp_path / "exported" / file).read_bytes() == (folder / file).read_bytes()


def test_an_existing_folder_is_not_changed(folder, tmp_path):
    (tmp_path / "run").mkdir()
    with pytest.raises(UserError, match="run: already exists"):
        import_folder(folder, tmp_path / "run")
    assert list((tmp_path / "run").iterdir()) == []


def test_a_rejected_folder_leaves_no_files(folder, tmp_path):
    (folder / "config.json").write_text('{"model_type": "mamba"}')
    with pytest.raises(UserError, match="unsupported model_type 'mamba'"):
        import_folder(folder, tmp_path / "run")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["original"]


@pytest.mark.parametrize(
    ("name", "message"),
    [("missing", "no such folder"), ("original/config.json", "is a file, not a folder")],
)
def test_a_missing_folder_is_reported(folder, tmp_path, name, message):
    with pytest.raises(UserError, match=message):
        import_folder(tmp_path / name, tmp_path / "run")
