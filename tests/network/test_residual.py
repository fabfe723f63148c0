"""Residual connections: norms, scaling, DeepNorm and stochastic depth."""

import keras
import numpy as np
import pytest

from archbuilder.network.initializer import Normal
from archbuilder.network.layer_context import LayerContext
from archbuilder.network.norm import LayerNormConfig
from archbuilder.network.residual import (
    DeepNormConfig,
    LayerScaleConfig,
    Residual,
    ResidualConfig,
)

NORM = LayerNormConfig(type="layer_norm")
X = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")


def normed(x):
    return (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-6)


def context(depth, other_depth=0, has_memory=False):
    normal = Normal(type="normal")
    return LayerContext(4, depth, False, normal, has_memory=has_memory, other_depth=other_depth)


def run_residual(sublayer, depths=None, **settings):
    spec = ResidualConfig(norm=NORM, **settings)
    residual = Residual(spec, keras.layers, "residual", depths or context(2))
    return np.asarray(residual(X, sublayer))


@pytest.mark.parametrize(
    ("placement", "expected"),
    [
        ("post", normed(X + X**2)),
        ("pre", X + normed(X) ** 2),
        ("sandwich", X + normed(normed(X) ** 2)),
    ],
)
def test_norms_are_at_their_placement(placement, expected):
    output = run_residual(lambda x: x**2, norm_placement=placement)
    np.testing.assert_allclose(output, expected, atol=1e-5)


def test_layer_scale_starts_with_its_initial_factor():
    scale = LayerScaleConfig(type="layer_scale", initial=0.25)
    output = run_residual(lambda x: x**2, norm_placement="pre", residual_scaling=scale)
    np.testing.assert_allclose(output, X + 0.25 * normed(X) ** 2, atol=1e-5)


@pytest.mark.parametrize(
    ("depths", "alpha", "beta"),
    [
        (context(8), 16**0.25, 64**-0.25),
        (context(6, 3), 0.81 * (6**4 * 3) ** (1 / 16), 0.87 * (6**4 * 3) ** (-1 / 16)),
        (context(3, 6, has_memory=True), 9**0.25, 36**-0.25),
    ],
)
def test_deep_norm_factors_are_as_in_the_papers_table(depths, alpha, beta):
    scaling = DeepNormConfig(type="deep_norm")
    assert scaling.beta(depths) == pytest.approx(beta)
    output = run_residual(lambda x: x**2, depths, residual_scaling=scaling)
    np.testing.assert_allclose(output, normed(alpha * X + X**2), atol=1e-5)


def test_stochastic_depth_skips_whole_examples_only_in_training():
    spec = ResidualConfig(norm=NORM, norm_placement="pre", stochastic_depth=0.5)
    residual = Residual(spec, keras.layers, "residual", context(2))
    keras.utils.set_random_seed(0)
    rows = np.tile(X[:1], (64, 1, 1))
    inputs = keras.Input((None, 4))
    model = keras.Model(inputs, residual(inputs, lambda x: x**2))
    residuals = np.asarray(model(rows, training=True)) - rows
    full = normed(X[:1]) ** 2
    skipped = np.abs(residuals).max(axis=(1, 2)) == 0
    assert 16 < skipped.sum() < 48
    np.testing.assert_allclose(
        residuals[~skipped], np.tile(2 * full, ((~skipped).sum(), 1, 1)), atol=1e-5
    )
    np.testing.assert_allclose(
        model(rows, training=False) - rows, np.tile(full, (64, 1, 1)), atol=1e-5
    )
