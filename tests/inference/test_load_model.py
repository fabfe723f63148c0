"""Tests of loading trained models in float32, and of errors for damaged ones."""

import shutil

import keras
import numpy as np
import pytest

from archbuilder import open_run
from archbuilder.errors import UserError
from archbuilder.experiment import load
from archbuilder.inference.load_model import load_graph
from archbuilder.runs.run_folder import RunFolder
from tests import small_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return small_run.in_bfloat16(tmp_path_factory.mktemp("bfloat16"))


def test_the_model_of_a_bfloat16_run_is_loaded_in_float32(run):
    saved, policy = run.load_model(), keras.config.dtype_policy()
    assert saved.output["masked_lm"].dtype == "bfloat16"
    model = load_graph(load(run.spec), run).model
    assert {tensor.dtype for tensor in model.output.values()} == {"float32"}
    for old, new in zip(saved.weights, model.weights, strict=True):
        assert old.path == new.path
        np.testing.assert_array_equal(old, new)
    assert keras.config.dtype_policy() == policy


def test_a_bfloat16_run_predicts(run):
    (filled,) = open_run(run.path).predict(["the list [MASK] a file ."])
    assert sum(candidate.probability for candidate in filled.masks[0]) <= 1


def test_a_damaged_or_different_model_is_reported(run, tmp_path):
    other = RunFolder(shutil.copytree(run.path, tmp_path / "run"))
    experiment = load(other.spec)
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(other.model)
    with pytest.raises(UserError, match=r"does not match the model in "):
        load_graph(experiment, other)
    other.model.write_bytes(run.model.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"model\.keras: is damaged"):
        load_graph(experiment, other)
    other.model.unlink()
    with pytest.raises(UserError, match=r"has no model\.keras yet; train it first"):
        load_graph(experiment, other)
