"""Tests of export: artifacts are float32, compared with the model, and then published."""

import os

import numpy as np
import pytest

from archbuilder.errors import UserError
from archbuilder.exchange import comparison
from archbuilder.exchange import export as export_module
from archbuilder.exchange import formats as formats_module
from archbuilder.exchange.comparison import ExportError, largest_difference
from archbuilder.exchange.export import TOLERANCE, export
from archbuilder.exchange.formats.keras_file import KerasFile
from archbuilder.experiment import load
from archbuilder.inference.load_model import load_graph
from archbuilder.runs.run_folder import RunFolder
from tests import small_run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return small_run.in_bfloat16(tmp_path_factory.mktemp("bfloat16"))


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def model_of(run):
    return load_graph(load(run.spec), run).model


@pytest.mark.parametrize(("format_name", "name"), [("keras", "m.keras"), ("saved_model", "m")])
def test_an_artifact_of_a_bfloat16_run_equals_the_float32_model(run, format_name, name, tmp_path):
    path = tmp_path / "new" / name
    assert export(run, format_name, path) <= TOLERANCE
    assert names_in(tmp_path) == ["new"]
    assert names_in(path.parent) == [name]


@pytest.mark.parametrize("difference", [0.5, float("nan")])
def test_an_artifact_that_differs_is_discarded(run, difference, tmp_path, monkeypatch):
    class Different(KerasFile):
        def compare(self, model, path):
            return difference

    monkeypatch.setattr(formats_module, "FORMATS", (Different(),))
    with pytest.raises(ExportError, match="export discarded: its outputs differ"):
        export(run, "keras", tmp_path / "a" / "m.keras")
    assert names_in(tmp_path) == []


def test_the_difference_is_nan_if_an_output_is_nan(run, monkeypatch):
    model = model_of(run)

    def run_model(path, reader, batches):
        outputs = [model(batch, training=False) for batch in batches]
        arrays = {
            f"{number}|{name}": np.array(array)
            for number, batch_outputs in enumerate(outputs)
            for name, array in batch_outputs.items()
        }
        arrays["3|sequence_output"][0, 0, 0] = np.nan
        return arrays

    monkeypatch.setattr(comparison, "run_reader", run_model)
    assert np.isnan(largest_difference(model, run.model, ""))


def test_an_artifact_that_cannot_be_loaded_is_discarded(run, tmp_path, monkeypatch):
    class Damaged(KerasFile):
        def write(self, model, run, path):
            path.write_bytes(b"nothing")
            return ""

    monkeypatch.setattr(formats_module, "FORMATS", (Damaged(),))
    with pytest.raises(ExportError, match="export discarded: it cannot be loaded"):
        export(run, "keras", tmp_path / "m.keras")
    assert names_in(tmp_path) == []


def test_a_path_that_cannot_be_written_is_a_user_error(run, tmp_path, monkeypatch):
    monkeypatch.setattr(
        export_module, "load_graph", None
    )  # The errors are raised before it is called.
    (tmp_path / "file").write_text("")
    os.symlink("nowhere", tmp_path / "link.keras")
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(UserError, match=r"has no model\.keras yet"):
        export(RunFolder(run.path.parent), "keras", tmp_path / "m.keras")
    paths = {
        "file/m.keras": "Not a directory",
        "link.keras": "already exists",
        f"{'x' * 300}.keras": "File name too long",
        f"{'x' * 300}/m.keras": "File name too long",
        "m.h5": "must end in .keras",
    }
    if os.geteuid():
        paths["closed/m.keras"] = "Permission denied"
    for path, reason in paths.items():
        with pytest.raises(UserError, match=reason):
            export(run, "keras", tmp_path / path)
    assert names_in(tmp_path) == ["closed", "file", "link.keras"]
