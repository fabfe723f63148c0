"""Precision: the default depends on the device, and shipped architectures train in float16."""

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
def test_default_precision_depends_on_device(kind, has_bfloat16, policy):
    devices = SimpleNamespace(kind=kind, has_bfloat16=has_bfloat16)
    assert precision.choose_policy("auto", devices)[0] == policy
    assert precision.choose_policy("float32", devices) == ("float32", "set by training.precision")


FAST = "bert_base"
"""Name of the shipped spec that `make test` trains; the others are slow."""


def architectures():
    """Return the path of a shipped spec per architecture; other specs differ only in size."""
    paths = {}
    for path in sorted(shipped_specs().glob("*.yaml")):
        paths.setdefault(_without_sizes(read(path).to_python()["model"]), path)
    return list(paths.values())


def _without_sizes(settings) -> str:
    if isinstance(settings, dict):
        return str({name: _without_sizes(value) for name, value in sorted(settings.items())})
    return "size" if isinstance(settings, int | float) else str(settings)


@pytest.fixture
def _restore_policy():
    """Restore the dtype policy after the test."""
    policy = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(policy)


@pytest.mark.usefixtures("_restore_policy")
@pytest.mark.parametrize("name", ["bfloat16", "float16"])
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=() if path.stem == FAST else pytest.mark.slow)
        for path in architectures()
    ],
)
def test_architecture_learns_for_twenty_steps_in_half_precision(path, name, tmp_path):
    experiment = shrunk(path, tmp_path, precision=name)
    data, recipe = load_training_data(experiment, ProgressListener()), experiment.training
    keras.utils.set_random_seed(0)
    policy = f"mixed_{name}"
    keras.config.set_dtype_policy(policy)
    model = experiment.model_graph().training_graph()
    optimizer = precision.with_loss_scaling(build_optimizer(recipe, model), policy, model)
    losses = data.train.losses
    terms, weights = loss_terms(losses), loss_weights(losses, 1, 20)
    engine = open_devices(recipe).engine(model, terms, optimizer, 1.0, False)
    losses_by_step = []
    for step in range(20):
        batch = with_padding_rows(data.train[step])
        sums = engine.train([batch], 1e-3, weights)
        losses_by_step.append(metrics_from_sums(terms, sums, weights)["loss"])
    assert np.isfinite(losses_by_step).all()
    assert losses_by_step[-1] < losses_by_step[0]
    assert all(np.isfinite(np.asarray(weight)).all() for weight in model.weights)


def with_padding_rows(batch):
    return batch.map_arrays(lambda array: np.concatenate([array, np.zeros_like(array[:1])]))
