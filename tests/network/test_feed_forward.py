"""Feed-forward layers: gates, experts, and how evenly those are used."""

import keras
import numpy as np
import pytest

from archbuilder.network.feed_forward import (
    GatedConfig,
    MixtureOfExpertsConfig,
    MlpConfig,
    load_balancing_loss,
)
from archbuilder.network.initializer import Normal
from archbuilder.network.layer_context import LayerContext

NORMAL = Normal(type="normal", stddev=1.0)
MLP = MlpConfig(type="mlp", intermediate_dim=6, activation="relu")


def built(spec, name="part", dim=4):
    keras.utils.set_random_seed(0)
    context = LayerContext(width=dim, depth=1, causal=False, initializer=NORMAL)
    return spec.build(keras.layers, name, context)


def vectors(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def test_the_gate_opens_what_is_beside_it():
    spec = GatedConfig(type="gated", intermediate_dim=6, activation="sigmoid", use_bias=False)
    part, x = built(spec), vectors(1, 3, 4)
    gate, up, down = (
        np.asarray(layer.kernel) for layer in (part.gate, part.intermediate, part.output)
    )
    expected = (1 / (1 + np.exp(-x @ gate)) * (x @ up)) @ down
    np.testing.assert_allclose(part(x, []), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("chosen", [1, 2])
@pytest.mark.parametrize("shared", [None, MLP])
def test_the_best_experts_are_weighed_and_the_others_count_for_nothing(chosen, shared):
    spec = MixtureOfExpertsConfig(
        type="mixture_of_experts",
        num_experts=3,
        num_experts_per_token=chosen,
        expert=MLP,
        shared_expert=shared,
    )
    part, x = built(spec), vectors(2, 5, 4)
    scores = np.exp(x @ np.asarray(part.router.kernel))
    shares = scores / scores.sum(axis=-1, keepdims=True)
    outputs = np.stack([np.asarray(expert(x, [])) for expert in part.experts])
    expected = np.zeros_like(x) if shared is None else np.array(part.shared_expert(x, []))
    for row, token in np.ndindex(2, 5):
        best = np.argsort(-shares[row, token])[:chosen]
        total = shares[row, token, best].sum() if chosen > 1 else 1.0
        for expert in best:
            share = shares[row, token, expert] / total
            expected[row, token] += share * outputs[expert, row, token]
    np.testing.assert_allclose(part(x, []), expected, rtol=1e-4, atol=1e-4)


def test_imbalance_is_its_weight_where_experts_are_used_evenly_and_more_elsewhere():
    spec = MixtureOfExpertsConfig(
        type="mixture_of_experts",
        num_experts=4,
        num_experts_per_token=1,
        expert=MLP,
        load_balancing_loss_weight=0.5,
    )
    even = np.eye(4, dtype="float32")[[[0, 1, 2, 3, 0]]]
    uneven = np.eye(4, dtype="float32")[[[1, 1, 1, 1, 0]]]
    mask = np.array([[1, 1, 1, 1, 0]])
    assert float(load_balancing_loss([(spec, even, even)], mask)[0]) == pytest.approx(0.5)
    assert float(load_balancing_loss([(spec, uneven, uneven)], mask)[0]) == pytest.approx(0.5 * 4)
    both = load_balancing_loss([(spec, even, even), (spec, uneven, uneven)], mask)
    assert float(both[0]) == pytest.approx(2.5)
