"""A new objective, metric or tokenizer needs one file and its line in a union."""

import json
from pathlib import Path

import pytest

from tests import small_run
from tests.package_copy import PackageCopy

pytestmark = pytest.mark.slow

SOURCES = Path(__file__).parent / "sources"
"""Folder with the new files of the extensions."""


def add_source(copy, source, target):
    """Add the file `source` of the extensions to the package."""
    copy.add_file(target, (SOURCES / source).read_text(encoding="utf-8"))


def add_objective(copy, source, name, module=None):
    """Add an objective: its file, its import and its line in the union."""
    module = module or source
    add_source(copy, f"{source}.py", f"objectives/{module}.py")
    line = "from archbuilder.objectives.span_corruption import SpanCorruption\n"
    import_line = f"from archbuilder.objectives.{module} import {name}\n"
    copy.edit_line("objectives/__init__.py", line, line + import_line)
    copy.edit_line(
        "objectives/__init__.py", "    | SpanCorruption\n", f"    | SpanCorruption\n    | {name}\n"
    )


def train(copy, spec, folder):
    """Train a spec with the copy, and return the records of its evaluations."""
    small_run.write(spec, folder / "spec.yaml")
    copy.archbuild("train", "spec.yaml", "--run", "run", cwd=folder)
    lines = (folder / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    return [record for record in records if "validation_loss" in record]


def best_step(folder):
    """Return the step of the best model according to the newest checkpoint."""
    newest = sorted((folder / "run" / "checkpoints").iterdir())[-1]
    return json.loads((newest / "state.json").read_text(encoding="utf-8"))["best"]["step"]


def test_a_regression_objective_trains_and_its_correlation_is_monitored(tmp_path):
    copy = PackageCopy(tmp_path / "copy")
    add_objective(copy, "high_tokens", "HighTokens")
    spec = small_run.bert(tmp_path, monitor="high_tokens_pearson", steps=9)
    spec["objectives"] = {"high_tokens": {"weight": 2.0}}
    validation = train(copy, spec, tmp_path)
    correlations = {
        record["step"]: record["validation_high_tokens_pearson"] for record in validation
    }
    assert all(-1 <= value <= 1 for value in correlations.values())
    assert best_step(tmp_path) == max(correlations, key=correlations.__getitem__)
    for record in validation:
        assert record["validation_loss"] == 2 * record["validation_high_tokens_loss"]
        assert "validation_high_tokens_accuracy" not in record


def test_an_f1_metric_is_reported_and_monitored(tmp_path):
    copy = PackageCopy(tmp_path / "copy")
    add_objective(copy, "next_sentence_f1", "NextSentenceF1")
    spec = small_run.bert(tmp_path, monitor="next_sentence_f1_f1")
    spec["objectives"] = {"next_sentence_f1": {}}
    scores = {
        record["step"]: record["validation_next_sentence_f1_f1"]
        for record in train(copy, spec, tmp_path)
    }
    assert all(0 <= score <= 1 for score in scores.values())
    assert best_step(tmp_path) == max(scores, key=scores.__getitem__)


def test_a_tokenizer_is_trained_saved_and_used_for_predictions(tmp_path):
    copy = PackageCopy(tmp_path / "copy")
    add_source(copy, "lower_characters.py", "text/tokenizer/lower_characters.py")
    init = "text/tokenizer/__init__.py"
    line = "from archbuilder.text.tokenizer.marian import MarianVocabulary\n"
    names = "LowerCharacters, LowerCharacterVocabulary"
    import_line = f"from archbuilder.text.tokenizer.lower_characters import {names}\n"
    copy.edit_line(init, line, line + import_line)
    copy.edit_line(init, "SentencePiece | Bytes,", "SentencePiece | Bytes | LowerCharacters,")
    copy.edit_line(
        init, "    | ByteVocabulary\n", "    | ByteVocabulary\n    | LowerCharacterVocabulary\n"
    )
    spec = small_run.transformer(tmp_path)
    spec["tokenizer"] = {"type": "lower_characters"}
    train(copy, spec, tmp_path)
    (tmp_path / "lines.txt").write_text("LIST file\n", encoding="utf-8")
    process = copy.archbuild("predict", "run", "--input", "lines.txt", "--json", cwd=tmp_path)
    text = json.loads(process.stdout)["text"]
    assert text == text.lower()
