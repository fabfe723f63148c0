"""Parity with stored outputs of `transformers` and with a reference written from the paper."""

from pathlib import Path

import numpy as np
import pytest

from archbuilder.experiment import Experiment
from tests.parity import bert, reference_transformer

HERE = Path(__file__).parent


def test_bert_logits_equal_those_of_the_reference_implementation():
    with np.load(HERE / "bert.npz") as file:
        parts = {kind: {} for kind in ("weight", "input", "output")}
        for key in file.files:
            kind, _, name = key.partition(":")
            parts[kind][name] = file[key]
    model = Experiment.model_validate(bert.spec(**bert.SIZES)).build()
    bert.assign(model, parts["weight"])
    assert bert.largest_difference(model, parts["input"], parts["output"]) <= 1e-4


@pytest.mark.parametrize("lengths", [(5, 7), (9, 3)])
def test_transformer_logits_equal_those_of_the_paper_despite_padding(lengths):
    stack = {
        "num_layers": 2,
        "attention": {"type": "multi_head", "num_heads": 4},
        "feed_forward": {"type": "mlp", "intermediate_dim": 24, "activation": "relu"},
        "norm": {"type": "layer_norm", "epsilon": 1e-5},
        "dropout": 0.1,
    }
    spec = {
        "name": "transformer",
        "model": {
            "hidden_dim": 16,
            "vocabulary_size": 31,
            "embeddings": {"tie": "all", "scale": True, "dropout": 0.1},
            "positions": {"type": "sinusoidal"},
            "encoder": stack,
            "decoder": stack,
        },
        "objectives": {"sequence_to_sequence": {"type": "sequence_to_sequence"}},
    }
    model = Experiment.model_validate(spec).build()
    random = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(random.normal(0, 0.3, weight.shape))
    weights = {weight.path: np.asarray(weight, dtype="float64") for weight in model.weights}
    source, target = (random.integers(0, 31, length) for length in lengths)
    batch = {
        "encoder_token_ids": pad(source),
        "encoder_padding_mask": pad(np.ones_like(source)),
        "decoder_token_ids": pad(target),
        "decoder_padding_mask": pad(np.ones_like(target)),
    }
    logits = np.asarray(model(batch, training=False)["sequence_to_sequence"])[0, : len(target)]
    expected = reference_transformer.transformer(source, target, weights, 2, 4, 1e-5)
    assert np.abs(logits - expected).max() <= 1e-4


def pad(row, length=12):
    """Return a batch with one row, padded with zeros."""
    return np.pad(row, (0, length - len(row)))[None].astype("int32")
