"""The README's example of `fit`: the same losses, step by step, as `archbuild train`."""

from pathlib import Path

import keras
import numpy as np
import pytest

from archbuilder import UserError, load, open_run
from archbuilder.shipped import shipped_specs
from archbuilder.training.fit.varying_shapes import VaryingShapes
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


def test_the_example_of_the_readme_has_the_losses_of_archbuild_train(tmp_path, monkeypatch):
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
    exec(example(), names)
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
def test_a_setting_that_fit_does_not_support_is_refused(training, setting, tmp_path):
    spec = small_run.bert(tmp_path, **training)
    experiment = load(small_run.write(spec, tmp_path / "spec.yaml"))
    with pytest.raises(UserError) as caught:
        experiment.dataset("train")
    expected = f"training.{setting}: 'fit' does not support it; 'archbuild train' does"
    assert str(caught.value) == expected


def test_an_objective_whose_loss_is_not_of_an_output_is_refused(tmp_path):
    spec = small_run.bert(tmp_path)
    del spec["model"]["pooler"]
    spec["objectives"] = {"replaced_token_detection": {"generator_size": 0.5}}
    experiment = load(small_run.write(spec, tmp_path / "spec.yaml"))
    with pytest.raises(UserError, match="'fit' cannot train 'replaced_token_detection_generator'"):
        experiment.compile(experiment.build())


def sample(*widths):
    """Arrays of ones with two rows, of these widths."""
    arrays = {str(index): np.ones((2, width)) for index, width in enumerate(widths)}
    return arrays, {}, {"one_a_row": np.ones(2)}


def shape_of(sample):
    return [array.shape[1] for array in sample[0].values()]


def test_the_second_batch_differs_from_the_first_wherever_it_can():
    first, second, third = sample(5, 7, 8), sample(5, 6, 8), sample(4, 5, 6)
    vary = VaryingShapes(first, second, max_width=8)
    assert shape_of(vary(0, first)) == [5, 7, 8]
    assert shape_of(vary(1, second)) == [6, 6, 8]
    assert shape_of(vary(2, third)) == [4, 5, 8]
    assert vary(1, second)[0]["0"].tolist() == [[1, 1, 1, 1, 1, 0]] * 2
    assert vary(2, third)[2]["one_a_row"].tolist() == [1, 1]
