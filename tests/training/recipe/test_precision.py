"""What is computed in is chosen by the device, and every shipped architecture bears it."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from archbuilder.batches.training_data import load_training_data
from archbuilder.language import read
from archbuilder.objectives import loss_terms, loss_weights, metrics_from_sums
from archbuilder.shipped import shipped_specs
from archbuilder.text.prepare import ProgressListener
from archbuilder.training.engines import open_devices
from archbuilder.training.recipe import precision
from archbuilder.training.recipe.parameter_groups import build_optimizer
from tests.shrunk import shrunk


@pytest.mark.parametrize(
    ("kind", "has_bfloat16", "policy"),
    [
        ("CPU", False, "float32"),
        ("GPU", True, "mixed_bfloat16"),
        ("GPU", False, "mixed_float16"),
        ("TPU", True, "mixed_bfloat16"),
    ],
)
def test_unless_told_the_device_decides(kind, has_bfloat16, policy):
    devices = SimpleNamespace(kind=kind, has_bfloat16=has_bfloat16)
    assert precision.choose_policy("auto", devices)[0] == policy
    assert precision.choose_policy("float32", devices) == ("float32", "as the spec says")


FAST = "bert_base"
"""The shipped spec that `make test` covers; the others are slow."""


def architectures():
    """The shipped specs, one for each architecture: the others differ in size alone."""
    found = {}
    for path in sorted(shipped_specs().glob("*.yaml")):
        found.setdefault(_without_sizes(read(path).plain()["model"]), path)
    return list(found.values())


def _without_sizes(part) -> str:
    if isinstance(part, dict):
        return str({name: _without_sizes(value) for name, value in sorted(part.items())})
    return "size" if isinstance(part, int | float) else str(part)


@pytest.fixture
def policy():
    """The precision of before, again, after the test."""
    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)


@pytest.mark.usefixtures("policy")
@pytest.mark.parametrize("name", ["bfloat16", "float16"])
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=() if path.stem == FAST else pytest.mark.slow)
        for path in architectures()
    ],
)
def test_every_architecture_takes_twenty_steps_in_half_precision(path, name, tmp_path):
    experiment = shrunk(path, tmp_path, precision=name)
    material, recipe = load_training_data(experiment, ProgressListener()), experiment.training
    keras.utils.set_random_seed(0)
    chosen = f"mixed_{name}"
    keras.config.set_dtype_policy(chosen)
    model = experiment.model_graph().training_graph()
    optimizer = precision.with_loss_scaling(build_optimizer(recipe, model), chosen, model)
    losses = material.train.losses
    terms, weights = loss_terms(losses), loss_weights(losses, 1, 20)
    engine = open_devices(recipe).engine(model, terms, optimizer, 1.0, False)
    curve = []
    for step in range(20):
        batch = with_a_row_of_padding(material.train[step])
        sums = engine.train([batch], 1e-3, weights)
        curve.append(metrics_from_sums(terms, sums, weights)["loss"])
    assert np.isfinite(curve).all()
    assert curve[-1] < curve[0]
    assert all(np.isfinite(np.asarray(weight)).all() for weight in model.weights)


def with_a_row_of_padding(batch):
    return batch.map_arrays(lambda array: np.concatenate([array, np.zeros_like(array[:1])]))
