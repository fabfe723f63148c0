"""Export: whatever a run was trained in, its artifact is float32, compared, and then named."""

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


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def model_of(run):
    return load_graph(load(run.spec), run).model


@pytest.mark.parametrize(("format", "name"), [("keras", "m.keras"), ("saved_model", "m")])
def test_an_artifact_of_a_bfloat16_run_agrees_in_float32(run, format, name, tmp_path):
    path = tmp_path / "new" / name
    assert export(run, format, path) <= TOLERANCE
    assert left(tmp_path) == ["new"]
    assert left(path.parent) == [name]


@pytest.mark.parametrize("found", [0.5, float("nan")])
def test_an_artifact_that_differs_is_not_kept(run, found, tmp_path, monkeypatch):
    class Different(KerasFile):
        def compare(self, model, path):
            return found

    monkeypatch.setattr(formats_module, "FORMATS", (Different(),))
    with pytest.raises(ExportError, match="not kept: its outputs differ"):
        export(run, "keras", tmp_path / "a" / "m.keras")
    assert left(tmp_path) == []


def test_an_output_that_is_no_number_is_a_difference_that_is_no_number(run, monkeypatch):
    model = model_of(run)

    def read_again(path, reader, batches):
        outputs = [model(batch, training=False) for batch in batches]
        found = {f"{n}|{k}": np.array(v) for n, one in enumerate(outputs) for k, v in one.items()}
        found["3|sequence"][0, 0, 0] = np.nan
        return found

    monkeypatch.setattr(comparison, "run_reader", read_again)
    assert np.isnan(largest_difference(model, run.model, ""))


def test_an_artifact_that_cannot_be_loaded_is_not_kept(run, tmp_path, monkeypatch):
    class Damaged(KerasFile):
        def write(self, model, run, path):
            path.write_bytes(b"nothing")
            return ""

    monkeypatch.setattr(formats_module, "FORMATS", (Damaged(),))
    with pytest.raises(ExportError, match="not kept: cannot be loaded again"):
        export(run, "keras", tmp_path / "m.keras")
    assert left(tmp_path) == []


def test_a_path_that_cannot_be_written_is_the_users_mistake(run, tmp_path, monkeypatch):
    monkeypatch.setattr(export_module, "load_graph", None)  # It is found before any work.
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
        "m.h5": "ends in .keras",
    }
    if os.geteuid():
        paths["closed/m.keras"] = "Permission denied"
    for path, reason in paths.items():
        with pytest.raises(UserError, match=reason):
            export(run, "keras", tmp_path / path)
    assert left(tmp_path) == ["closed", "file", "link.keras"]
