"""The README's example of `fit`: the same losses, step by step, as `archbuild train`."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml

from archbuilder import UserError, load
from archbuilder.shipped import shipped_specs
from tests import small_run

README = Path(__file__).parents[3] / "README.md"
STEPS = 20
SMALLER = {
    "hidden_dim": 32,
    "vocabulary_size": 120,
    "positions": {"max_sequence_length": 32},
    "encoder": {"num_layers": 1, "feed_forward": {"intermediate_dim": 64}},
}


class StepLosses(keras.callbacks.Callback):
    """Records the loss of each step; Keras's own is a mean over the steps of an epoch."""

    def __init__(self):
        super().__init__()
        self.losses = []

    def on_train_batch_begin(self, batch, logs=None):
        self.model.reset_metrics()

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(logs["loss"])


def example() -> str:
    """The example of `fit` in the README."""
    blocks = README.read_text(encoding="utf-8").split("```python\n")[1:]
    (code,) = (block.partition("```")[0] for block in blocks if "model.fit(" in block)
    return code


def write_quickstart(folder: Path) -> Path:
    """The quickstart spec, small, on text of the tests."""
    spec = {
        "extends": str(shipped_specs() / "quickstart.yaml"),
        "model": SMALLER,
        "data": small_run.bert(folder)["data"],
        "training": {
            "steps": STEPS,
            "batch": {"tokens": 300},
            "learning_rate": {"warmup_steps": 5},
            "log_every": 1,
            "evaluate_every": STEPS,
            "samples": 0,
        },
    }
    return small_run.write(spec, folder / "my_bert.yaml")


def test_the_example_of_the_readme_has_the_losses_of_archbuild_train(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    experiment = load(write_quickstart(tmp_path))
    assert list(experiment.objectives) == ["masked_lm", "next_sentence"]
    experiment.train(tmp_path / "run")
    records = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().split("\n")[:-1]]
    trained = [record["loss"] for record in records if "loss" in record]
    (validation,) = (r["validation_loss"] for r in records if "validation_loss" in r)

    step_losses, fit = StepLosses(), keras.Model.fit
    monkeypatch.setattr(
        keras.Model, "fit", lambda *args, **options: fit(*args, callbacks=[step_losses], **options)
    )
    names = {}
    exec(example(), names)
    assert len(trained) == STEPS
    np.testing.assert_allclose(step_losses.losses, trained, rtol=0, atol=1e-5)
    evaluated = names["model"].evaluate(experiment.dataset("validation"), return_dict=True)
    assert evaluated["loss"] == pytest.approx(validation, abs=1e-5)
