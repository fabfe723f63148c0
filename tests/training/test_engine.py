"""A step is that of the whole effective batch, however it is cut."""

import keras
import numpy as np
import pytest

from archbuilder.experiment import Experiment
from archbuilder.training.engine import TensorFlowEngine, metrics, token_shares
from archbuilder.training.optimizer import AdamW
from tests.variants import tiny

WEIGHTS = {"sequence_to_sequence": 1.0}


def engine(weights=None):
    """A small Transformer without dropout, and its engine."""
    spec = tiny(decoder=True)
    spec["model"]["embeddings"]["dropout"] = 0.0
    for side in ("encoder", "decoder"):
        spec["model"][side]["dropout"] = 0.0
        spec["model"][side]["attention"]["dropout"] = 0.0
    experiment = Experiment.model_validate(spec)
    keras.utils.set_random_seed(0)
    model = experiment.build()
    optimizer = AdamW(type="adamw", weight_decay=0.01).build(model, 0.5)
    optimizer.learning_rate = 1e-2
    return TensorFlowEngine(model, experiment.objectives, optimizer)


def batch(rows, length, seed):
    random = np.random.default_rng(seed)
    real = random.integers(1, length + 1, rows)
    real[0] = length
    mask = (np.arange(length) < real[:, None]).astype("int32")
    ids = {
        name: random.integers(5, 23, (rows, length)).astype("int32")
        for name in ("encoder_token_ids", "decoder_token_ids", "sequence_to_sequence_targets")
    }
    weights = mask.astype("float32")
    masks = {"encoder_padding_mask": mask, "decoder_padding_mask": mask}
    return ids | masks | {"sequence_to_sequence_weights": weights}


def joined(batches):
    """One batch of all rows, padded to the longest."""
    longest = max(one["encoder_token_ids"].shape[1] for one in batches)
    return {
        name: np.concatenate(
            [np.pad(one[name], ((0, 0), (0, longest - one[name].shape[1]))) for one in batches]
        )
        for name in batches[0]
    }


def test_accumulated_batches_are_the_large_batch():
    micro, large = engine(), engine()
    for step in range(5):
        batches = [batch(2, 3 + place + step, seed=10 * step + place) for place in range(4)]
        first = metrics(micro.train(batches, WEIGHTS), WEIGHTS)
        second = metrics(large.train([joined(batches)], WEIGHTS), WEIGHTS)
        assert first["loss"] == pytest.approx(second["loss"], rel=1e-5)
        assert micro.gradient_norm == pytest.approx(large.gradient_norm, rel=1e-4)


def test_a_token_counts_the_same_in_every_micro_batch():
    batches = [batch(2, 3, seed=0), batch(2, 9, seed=1)]
    tokens = sum(one["sequence_to_sequence_weights"].sum() for one in batches)
    shares = token_shares(batches, {"sequence_to_sequence": 3.0})
    assert shares["sequence_to_sequence_share"] == pytest.approx(3 / tokens)


def test_measuring_changes_nothing_and_repeats_exactly():
    one = engine()
    before = [np.asarray(weight).copy() for weight in one.model.weights]
    first, second = one.measure(batch(3, 7, 0)), one.measure(batch(3, 7, 0))
    assert first == second
    for old, weight in zip(before, one.model.weights, strict=True):
        np.testing.assert_array_equal(old, np.asarray(weight))


def test_one_batch_can_be_learned_by_heart():
    one = engine()
    for _ in range(150):
        found = metrics(one.train([batch(3, 6, 0)], WEIGHTS), WEIGHTS)
    assert found["sequence_to_sequence_accuracy"] == 1.0
