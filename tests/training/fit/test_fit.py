"""`fit`: the example in `docs` has the same losses, step by step, as `archbuild train`."""

from pathlib import Path

import keras
import numpy as np
import pytest

from archbuilder import UserError, load, open_run
from archbuilder.shipped import shipped_specs
from archbuilder.training.fit.varying_shapes import VaryingShapes
from tests import small_run

PAGE = Path(__file__).parents[3] / "docs/python.md"
STEPS = 20
SMALL_MODEL = {
    "hidden_dim": 32,
    "vocabulary_size": 120,
    "positions": {"max_sequence_length": 32},
    "encoder": {"num_layers": 1, "feed_forward": {"intermediate_dim": 64}},
}


class StepLosses(keras.callbacks.Callback):
    """Records the loss of each step; Keras reports the mean over the steps of an epoch."""

    def __init__(self):
        super().__init__()
        self.losses = []

    def on_train_batch_begin(self, batch, logs=None):
        self.model.reset_metrics()

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(logs["loss"])


def documented_example() -> str:
    """Return the example of `fit` in the documentation."""
    blocks = PAGE.read_text(encoding="utf-8").split("```python\n")[1:]
    (code,) = (block.partition("```")[0] for block in blocks if "model.fit(" in block)
    return code


def write_quickstart(folder: Path) -> Path:
    """Write a small variant of the quickstart spec on test data."""
    spec = {
        "extends": str(shipped_specs() / "quickstart.yaml"),
        "model": SMALL_MODEL,
        "objectives": {"next_sentence": {"weight": {"type": "linear", "first": 0.5, "last": 1.0}}},
        "data": small_run.bert(folder)["data"],
        "training": {
            "steps": STEPS,
            "batch": {"tokens": 300},
            "learning_rate": {"warmup_steps": 5},
            "log_every": 1,
            "evaluate_every": STEPS,
            "show_predictions": 0,
        },
    }
    return small_run.write(spec, folder / "my_bert.yaml")


def test_documented_example_has_losses_of_archbuild_train(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    experiment = load(write_quickstart(tmp_path))
    assert list(experiment.objectives) == ["masked_lm", "next_sentence"]
    experiment.train(tmp_path / "run")
    metrics = open_run(tmp_path / "run").metrics()
    (validation,) = metrics.validation("loss").values

    step_losses, fit = StepLosses(), keras.Model.fit
    monkeypatch.setattr(
        keras.Model, "fit", lambda *args, **options: fit(*args, callbacks=[step_losses], **options)
    )
    names = {}
    exec(documented_example(), names)
    assert metrics.training("loss").steps == tuple(range(1, STEPS + 1))
    np.testing.assert_allclose(
        step_losses.losses, metrics.training("loss").values, rtol=0, atol=1e-5
    )
    evaluated = names["model"].evaluate(experiment.dataset("validation"), return_dict=True)
    assert evaluated["loss"] == pytest.approx(validation, abs=1e-5)


@pytest.mark.parametrize(
    ("training", "setting"),
    [
        (
            {"batch": {"tokens": 300, "gradient_accumulation_steps": 2}},
            "batch.gradient_accumulation_steps",
        ),
        ({"distribution": {"type": "mirrored"}}, "distribution"),
        ({"steps": None, "minutes": 1, "learning_rate": 0.001}, "minutes"),
    ],
)
def test_unsupported_setting_is_rejected(training, setting, tmp_path):
    spec = small_run.bert(tmp_path, **training)
    experiment = load(small_run.write(spec, tmp_path / "spec.yaml"))
    with pytest.raises(UserError) as error:
        experiment.dataset("train")
    expected = f"training.{setting}: not supported by 'fit'; use 'archbuild train'"
    assert str(error.value) == expected


def test_loss_term_without_model_output_is_rejected(tmp_path):
    spec = small_run.bert(tmp_path)
    del spec["model"]["pooler"]
    spec["objectives"] = {"replaced_token_detection": {"generator_size": 0.5}}
    experiment = load(small_run.write(spec, tmp_path / "spec.yaml"))
    with pytest.raises(UserError, match="'fit' cannot train 'replaced_token_detection_generator'"):
        experiment.compile(experiment.build())


def make_sample(*widths):
    """Return arrays of ones with two rows and the given widths."""
    arrays = {str(index): np.ones((2, width)) for index, width in enumerate(widths)}
    return arrays, {}, {"without_columns": np.ones(2)}


def widths_of(sample):
    return [array.shape[1] for array in sample[0].values()]


def test_second_batch_differs_from_first_in_each_variable_width():
    first, second, third = make_sample(5, 7, 8), make_sample(5, 6, 8), make_sample(4, 5, 6)
    vary = VaryingShapes(first, second, max_width=8)
    assert widths_of(vary(0, first)) == [5, 7, 8]
    assert widths_of(vary(1, second)) == [6, 6, 8]
    assert widths_of(vary(2, third)) == [4, 5, 8]
    assert vary(1, second)[0]["0"].tolist() == [[1, 1, 1, 1, 1, 0]] * 2
    assert vary(2, third)[2]["without_columns"].tolist() == [1, 1]
