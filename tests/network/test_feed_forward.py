"""Feed-forward layers: gates, experts and the load-balancing loss."""

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


def build(spec, name="layer", dim=4):
    keras.utils.set_random_seed(0)
    context = LayerContext(width=dim, depth=1, causal=False, initializer=NORMAL)
    return spec.build(keras.layers, name, context)


def vectors(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def test_the_gate_multiplies_the_intermediate_projection():
    spec = GatedConfig(type="gated", intermediate_dim=6, activation="sigmoid", use_bias=False)
    layer, x = build(spec), vectors(1, 3, 4)
    gate, up, down = (
        np.asarray(dense.kernel) for dense in (layer.gate, layer.intermediate, layer.output)
    )
    expected = (1 / (1 + np.exp(-x @ gate)) * (x @ up)) @ down
    np.testing.assert_allclose(layer(x, []), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("num_selected", [1, 2])
@pytest.mark.parametrize("shared", [None, MLP])
def test_the_output_is_the_weighted_sum_of_the_selected_experts(num_selected, shared):
    spec = MixtureOfExpertsConfig(
        type="mixture_of_experts",
        num_experts=3,
        num_experts_per_token=num_selected,
        expert=MLP,
        shared_expert=shared,
    )
    layer, x = build(spec), vectors(2, 5, 4)
    scores = np.exp(x @ np.asarray(layer.router.kernel))
    probabilities = scores / scores.sum(axis=-1, keepdims=True)
    outputs = np.stack([np.asarray(expert(x, [])) for expert in layer.experts])
    expected = np.zeros_like(x) if shared is None else np.array(layer.shared_expert(x, []))
    for row, token in np.ndindex(2, 5):
        selected = np.argsort(-probabilities[row, token])[:num_selected]
        total = probabilities[row, token, selected].sum() if num_selected > 1 else 1.0
        for expert in selected:
            weight = probabilities[row, token, expert] / total
            expected[row, token] += weight * outputs[expert, row, token]
    np.testing.assert_allclose(layer(x, []), expected, rtol=1e-4, atol=1e-4)


def test_the_load_balancing_loss_is_its_weight_for_equal_use_and_more_otherwise():
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
