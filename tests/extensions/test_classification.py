"""Classification is added by three files: an objective, examples and a task."""

import csv
import json
import random

import pytest

from tests import small_run
from tests.extensions.test_extensions import add_objective, add_source, train
from tests.package_copy import PackageCopy

pytestmark = pytest.mark.slow

WORDS = {"animal": "cat dog horse bird".split(), "tool": "saw drill hammer chisel".split()}


def write_csv(path, count, seed):
    """Write rows of a text about animals or tools and its label; return the path."""
    rng = random.Random(seed)
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["sentence", "category"])
        for _ in range(count):
            label = rng.choice(list(WORDS))
            text = " ".join(rng.choices(WORDS[label], k=rng.randint(2, 6)))
            writer.writerow([text, label])
    return str(path)


def classifier(folder):
    """Return the spec of a classifier that trains on the rows of a CSV file."""
    spec = small_run.bert(folder, steps=60, monitor="classification_accuracy", evaluate_every=30)
    spec["training"] |= {"log_every": 30, "checkpoint_every": 60}
    spec["training"]["learning_rate"] = {"type": "constant", "rate": 0.01}
    spec["objectives"] = {"classification": {"labels": ["animal", "tool"]}}
    columns = {"type": "csv", "text": "sentence", "label": "category"}
    spec["data"] |= {
        "train": {**columns, "files": [write_csv(folder / "train.csv", 200, 0)]},
        "validation": {**columns, "files": [write_csv(folder / "validation.csv", 60, 1)]},
    }
    return spec


def test_a_classifier_learns_from_a_csv_file_with_a_label_column(tmp_path):
    copy = PackageCopy(tmp_path / "copy")
    add_source(copy, "labeled_documents.py", "text/examples/labeled_documents.py")
    add_objective(copy, "classification", "Classification", module="document_classification")
    add_source(copy, "classify.py", "inference/classify.py")
    line = "from archbuilder.inference.embed import Embed\n"
    import_line = "from archbuilder.inference.classify import Classify\n"
    copy.edit_line("inference/tasks.py", line, import_line + line)
    copy.edit_line(
        "inference/tasks.py",
        '"seq2seq": Translate}',
        '"seq2seq": Translate, "classification": Classify}',
    )
    validation = train(copy, classifier(tmp_path), tmp_path)
    assert validation[-1]["validation_classification_accuracy"] > 0.95

    lines = ["dog bird cat", "chisel saw", "hammer drill drill"]
    (tmp_path / "lines.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    options = ("--input", "lines.txt", "--json")
    process = copy.archbuild("predict", "run", *options, cwd=tmp_path)
    labels = [json.loads(prediction)["label"] for prediction in process.stdout.splitlines()]
    assert labels == ["animal", "tool", "tool"]

    spec = classifier(tmp_path)
    del spec["data"]["train"]["label"]
    small_run.write(spec, tmp_path / "spec.yaml")
    process = copy.run("-m", "archbuilder", "validate", "spec.yaml", cwd=tmp_path)
    assert process.returncode == 2
    assert "data.train.type: these objectives need records with 'label'" in process.stderr
