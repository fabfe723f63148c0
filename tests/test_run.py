"""The Python API of a run: every method on a small run, and its error messages."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import archbuilder
from archbuilder import UserError, open_run
from archbuilder.experiment import Experiment
from archbuilder.inference.embed import Embedding
from archbuilder.inference.fill_mask import FilledText
from tests import small_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run the first example of the documentation of the Python API and return its run."""
    folder = tmp_path_factory.mktemp("run")
    small_run.write(small_run.bert(folder) | {"name": "a_run"}, folder / "my_bert.yaml")
    page = (Path(__file__).parent.parent / "docs/python.md").read_text(encoding="utf-8")
    names = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        exec(page.split("```")[1].removeprefix("python\n"), names)
    assert (folder / "my_bert.saved").is_dir()
    assert names["filled"].text
    return open_run(folder / "runs" / "my_bert")


@pytest.fixture
def copy(run, tmp_path):
    """Return a copy of the run, which a test may change."""
    return open_run(shutil.copytree(run.path, tmp_path / "copy"))


def records(run):
    return [json.loads(line) for line in run.folder.metrics.read_text().splitlines()]


def test_a_run_has_the_experiment_that_was_trained(run):
    assert isinstance(run.experiment, Experiment)
    assert run.experiment.name == "a_run"
    assert (run.step, run.state) == (6, "finished")


def test_the_model_is_a_keras_model_with_the_saved_weights(run):
    model, saved = run.model(), keras.saving.load_model(run.path / "model.keras", compile=False)
    assert isinstance(model, keras.Model)
    for weight, expected in zip(model.weights, saved.weights, strict=True):
        np.testing.assert_array_equal(weight, expected)
    assert run.model() is not model


def test_each_line_has_one_prediction_of_the_type_of_its_task(run):
    lines = ["the list [MASK] a file .", "a [MASK] reads the [MASK] ."]
    first, second = run.predict(lines, top_k=3)
    assert isinstance(first, FilledText)
    assert [len(candidates) for candidates in second.masks] == [3, 3]
    (embedding,) = run.predict(iter(["the list"]), task="embed")
    assert isinstance(embedding, Embedding)
    assert len(embedding.vector) == run.experiment.model.hidden_dim
    assert next(run.predict(lines)).text == first.text


def test_predict_raises_for_unavailable_tasks_invalid_lines_and_missing_models(run, copy):
    with pytest.raises(
        UserError, match=r"^task 'translate' is not available for this run; choose from fill_mask, "
    ):
        run.predict(["a"], task="translate")
    with pytest.raises(UserError, match=r"^line 1 has no \[MASK\] to fill: 'a'$"):
        list(run.predict(["a"]))
    with pytest.raises(TypeError, match="lines must be an iterable of strings"):
        run.predict("a [MASK]")
    (copy.path / "model.keras").unlink()
    with pytest.raises(UserError, match=r"has no model\.keras yet; train it first$"):
        copy.predict(["a [MASK]"])
    with pytest.raises(UserError, match=r"has no model\.keras yet; train it first$"):
        copy.model()
    assert copy.state == "untrained"


def test_evaluate_returns_the_metrics_that_training_measured(run):
    measured = min(
        (record for record in records(run) if "validation_loss" in record),
        key=lambda record: record["validation_loss"],
    )
    del measured["step"]
    result = run.evaluate()
    assert result.split == "validation"
    assert {f"validation_{name}" for name in result.metrics} == measured.keys()
    for name, value in result.metrics.items():
        assert value == pytest.approx(measured[f"validation_{name}"], rel=1e-5)
    assert run.evaluate("train").metrics.keys() == result.metrics.keys()
    with pytest.raises(TypeError):
        result.metrics["loss"] = 0.0


def test_an_unknown_split_is_an_error(run):
    with pytest.raises(
        UserError, match=r"^data: has no split 'test'; use one of train, validation$"
    ):
        run.evaluate("test")


def test_metrics_are_a_table_of_the_logged_records(run):
    table, logged = run.metrics(), records(run)
    assert list(table) == [
        {name: value for name, value in record.items() if value is not None} for record in logged
    ]
    assert len(table) == len(logged)
    columns = table.to_dict()
    assert tuple(columns) == table.columns
    assert columns["step"] == [record["step"] for record in logged]
    assert columns["validation_loss"] == [record.get("validation_loss") for record in logged]
    assert table.training("loss").steps == (1, 2, 3, 4, 5, 6)
    assert table.validation("loss").steps == (3, 6)


def test_missing_metrics_are_an_error(copy):
    copy.folder.metrics.unlink()
    with pytest.raises(UserError, match=r"metrics\.jsonl: cannot be read"):
        copy.metrics()
    assert "best validation loss" not in repr(copy)


def test_an_export_reports_the_largest_difference_from_the_model(run, tmp_path):
    result = run.export("keras", tmp_path / "a.keras")
    assert (result.path, result.format, result.notes) == (tmp_path / "a.keras", "keras", ())
    assert 0 <= result.largest_difference <= 1e-4
    with pytest.raises(UserError, match="already exists"):
        run.export("keras", tmp_path / "a.keras")
    with pytest.raises(UserError, match=r"^unknown export format 'h5'; use one of "):
        run.export("h5", tmp_path / "b")


def test_a_folder_that_is_not_a_run_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r": not a run folder: it has no spec\.yaml$"):
        open_run(tmp_path)


def test_a_run_displays_its_state_step_and_best_metric(run, monkeypatch):
    best = min(record["validation_loss"] for record in records(run) if "validation_loss" in record)
    expected = f"experiment a_run, state finished, step 6, best validation loss {best:.6g}"
    assert repr(run) == f"Run({str(run.path)!r}, {expected})"
    table = run._repr_html_()
    for text in (str(run.path), "a_run", "finished", f"{best:.6g}"):
        assert f">{text}</" in table


def test_experiments_evaluations_and_metrics_are_displayed_as_tables(run):
    total = f"{run.experiment.parameter_counter().total():,}"
    assert repr(run.experiment) == f"Experiment('a_run', {total} parameters)"
    table = run.experiment._repr_html_()
    for text in ("a_run", total, "1 x multi_head, mlp", "masked_lm, next_sentence"):
        assert f">{text}</" in table
    assert "<th>metric</th>" in run.evaluate()._repr_html_()
    assert "<th>learning_rate</th>" in run.metrics()._repr_html_()
    assert repr(run.metrics()).startswith("MetricsTable(8 records of step, loss, ")


def test_importing_the_package_imports_no_other_library():
    code = (
        "import sys; before = set(sys.modules); import archbuilder\n"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before}"
        " - set(sys.stdlib_module_names))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert process.stdout.split() == ["archbuilder"]
    assert set(archbuilder.__all__) == {"UserError", "load", "open_run"}


def test_opening_a_run_imports_no_framework(run):
    code = (
        "import sys, archbuilder; archbuilder.open_run(sys.argv[1])\n"
        "print(*{'keras', 'tensorflow', 'jax'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, str(run.path)]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    assert process.stdout.split() == []
