"""A folder becomes a run that predicts and exports, or nothing at all."""

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
    write_folder(tmp_path / "theirs", EXPERIMENT, WEIGHTS, (vocabulary, vocabulary))
    return tmp_path / "theirs"


def test_a_folder_becomes_a_run_that_predicts_and_exports(folder, tmp_path):
    found = import_folder(folder, tmp_path / "my run!")
    assert found.not_imported == []
    run = RunFolder(tmp_path / "my run!")
    assert load(run.spec).name == "my_run_"
    model = keras.saving.load_model(run.model)
    for weight in model.weights:
        np.testing.assert_array_equal(weight, found.weights[weight.path])
    (filled,) = open_run(run.path).predict(["the [MASK] sat"])
    assert len(filled.masks) == 1
    assert export(run, "hugging_face", tmp_path / "back") == 0
    for file in ("config.json", "model.safetensors", "tokenizer.json"):
        assert (tmp_path / "back" / file).read_bytes() == (folder / file).read_bytes()


def test_what_stands_there_is_not_touched(folder, tmp_path):
    (tmp_path / "run").mkdir()
    with pytest.raises(UserError, match="run: already exists"):
        import_folder(folder, tmp_path / "run")
    assert list((tmp_path / "run").iterdir()) == []


def test_a_folder_that_is_refused_leaves_nothing(folder, tmp_path):
    (folder / "config.json").write_text('{"model_type": "mamba"}')
    with pytest.raises(UserError, match="'mamba' is not known"):
        import_folder(folder, tmp_path / "run")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["theirs"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("nowhere", "there is no such folder"), ("theirs/config.json", "is a file, not a folder")],
)
def test_what_is_no_folder_is_told(folder, tmp_path, name, sentence):
    with pytest.raises(UserError, match=sentence):
        import_folder(tmp_path / name, tmp_path / "run")
