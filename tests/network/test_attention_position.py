"""Positions within attention, compared with values that are derived by hand."""

from math import cos, log, sin

import keras
import numpy as np
import pytest

from archbuilder.network.attention.multi_head import MultiHeadAttentionConfig
from archbuilder.network.attention_mask import AttentionContext, TokenPositions
from archbuilder.network.attention_positions import AttentionPosition
from archbuilder.network.attention_positions.alibi import AlibiConfig, slopes
from archbuilder.network.attention_positions.rotary import RotaryConfig
from archbuilder.network.attention_positions.shaw import ShawConfig
from archbuilder.network.attention_positions.t5 import T5BucketsConfig
from archbuilder.network.initializer import Normal
from archbuilder.network.layer_context import LayerContext

NORMAL = Normal(type="normal", stddev=1.0)


def positions(queries, keys):
    return TokenPositions(np.array([queries], "int32"), np.array([keys], "int32"))


def build(spec, heads=2, key_dim=4, causal=True):
    context = LayerContext(width=heads * key_dim, depth=1, causal=causal, initializer=NORMAL)
    return spec.build(keras.layers, "positions", heads, key_dim, context)


def vectors(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize("layout", ["halves", "interleaved"])
def test_rotary_rotates_each_pair_by_its_angle(layout):
    part = build(RotaryConfig(type="rotary", max_wavelength=100.0, layout=layout))
    heads = vectors(1, 1, 3, 4)
    features = part.features(positions([0, 1, 5], []), "float32")
    rotated = np.asarray(part.rotate(heads, features))[0, 0]
    pairs = [(0, 2), (1, 3)] if layout == "halves" else [(0, 1), (2, 3)]
    for row, position in enumerate((0, 1, 5)):
        for pair, (first, second) in enumerate(pairs):
            angle = position * 100.0 ** (-pair / 2)
            x, y = heads[0, 0, row, [first, second]]
            expected = [x * cos(angle) - y * sin(angle), x * sin(angle) + y * cos(angle)]
            np.testing.assert_allclose(rotated[row, [first, second]], expected, atol=1e-6)


def test_rotary_products_depend_only_on_the_distance():
    part = build(RotaryConfig(type="rotary"), key_dim=8)
    query, key = vectors(1, 1, 1, 8), vectors(1, 1, 1, 8)[..., ::-1]

    def product(query_position, key_position):
        rotated = [
            part.rotate(x, part.features(positions([position], []), "float32"))
            for x, position in ((query, query_position), (key, key_position))
        ]
        return float(np.sum(rotated[0] * rotated[1]))

    assert product(3, 1) == pytest.approx(product(103, 101), abs=1e-4)
    assert product(3, 1) != pytest.approx(product(4, 1), abs=1e-2)


def test_a_fraction_of_the_channels_is_not_rotated():
    part = build(RotaryConfig(type="rotary", rotary_percentage=0.5), key_dim=8)
    heads = vectors(1, 2, 3, 8)
    rotated = np.asarray(part.rotate(heads, part.features(positions([4, 5, 6], []), "float32")))
    np.testing.assert_array_equal(rotated[..., 4:], heads[..., 4:])
    assert np.abs(rotated[..., :4] - heads[..., :4]).min(axis=(0, 1, 3)).max() > 0


def test_linear_scaling_divides_positions_by_its_factor():
    heads = vectors(1, 1, 1, 4)
    unscaled = build(RotaryConfig(type="rotary"))
    scaled = build(RotaryConfig.model_validate({"type": "rotary", "scaling": LINEAR}))
    first = unscaled.rotate(heads, unscaled.features(positions([3], []), "float32"))
    second = scaled.rotate(heads, scaled.features(positions([12], []), "float32"))
    np.testing.assert_allclose(first, second, atol=1e-6)


LINEAR = {"type": "linear", "factor": 4.0}


def test_alibi_slopes_are_as_in_the_paper():
    assert slopes(8) == [2.0**-power for power in range(1, 9)]
    assert slopes(1) == [2**-8]
    # Between powers of two: the slopes of 4 heads, then every second slope of 8 heads.
    assert slopes(6) == [2**-2, 2**-4, 2**-6, 2**-8, 2**-1, 2**-3]


def test_alibi_decreases_with_distance_on_both_sides():
    part = build(AlibiConfig(type="alibi"), heads=2)
    bias = np.asarray(part.bias(0.0, part.features(positions([1], [0, 1, 2, 5]), "float32")))
    np.testing.assert_allclose(bias[0, :, 0], -np.outer([2**-4, 2**-8], [1, 0, 1, 4]))


def test_t5_buckets_of_larger_distances_are_logarithmic():
    spec = T5BucketsConfig(type="t5", num_buckets=8, max_distance=32)
    assert spec.buckets(causal=True)[:4] == [0, 1, 2, 3]
    for distance, bucket in enumerate(spec.buckets(causal=True)[4:], start=4):
        exact = 4 + log(distance / 4) / log(32 / 4) * 4
        assert bucket in {int(exact + 1e-9), int(exact - 1e-9)}
    # Boundaries at 4 * 8**(1/4), 4 * 8**(1/2), 4 * 8**(3/4).
    assert [spec.buckets(causal=True).index(bucket) for bucket in (5, 6, 7)] == [7, 12, 20]


@pytest.mark.parametrize("causal", [False, True])
def test_t5_adds_a_bias_for_each_head_and_bucket(causal):
    part = build(T5BucketsConfig(type="t5", num_buckets=8, max_distance=8), heads=3, causal=causal)
    table = np.asarray(part.table.embeddings)
    biases = np.asarray(
        part.bias(0.0, part.features(positions([20], [20, 19, 18, 0, 21, 40]), "float32"))
    )
    buckets = [0, 1, 2, 7, 0, 0] if causal else [0, 1, 2, 3, 5, 7]
    np.testing.assert_allclose(biases[0, :, 0].T, table[buckets])


def test_shaw_adds_a_vector_to_each_key_and_value():
    part = build(ShawConfig(type="shaw", max_distance=2, values=True))
    queries, weights, attended = vectors(1, 2, 3, 4), vectors(1, 2, 3, 5), vectors(1, 2, 3, 4)
    queries_at, keys_at = [4, 5, 9], [3, 4, 5, 6, 9]
    features = part.features(positions(queries_at, keys_at), "float32")
    rows = np.clip(np.subtract.outer(keys_at, queries_at).T, -2, 2) + 2  # [T, S]
    key_vectors = np.asarray(part.keys.kernel).T[rows]  # [T, S, K]
    expected = np.einsum("bhtk,tsk->bhts", queries, key_vectors)
    np.testing.assert_allclose(part.adjust_logits(0.0, queries, features), expected, atol=1e-5)
    value_vectors = np.asarray(part.values.kernel)[rows]
    expected = attended + np.einsum("bhts,tsk->bhtk", weights, value_vectors)
    np.testing.assert_allclose(part.adjust_output(attended, weights, features), expected, atol=1e-5)


@pytest.mark.parametrize("config", [RotaryConfig(type="rotary"), AlibiConfig(type="alibi")])
def test_queries_and_keys_are_rotated_equally_by_default(config):
    part, heads = build(config), vectors(1, 2, 3, 4)
    features = part.features(positions([4, 5, 6], [4, 5, 6]), "float32")
    rotated = np.asarray(part.rotate(heads, features))
    np.testing.assert_array_equal(part.rotate_queries(heads, features), rotated)
    np.testing.assert_array_equal(part.rotate_keys(heads, features), rotated)


def test_attention_calls_the_hooks_for_queries_and_for_keys():
    class Signed(AttentionPosition):
        def rotate_queries(self, queries, features):
            return queries * 0.0

        def rotate_keys(self, keys, features):
            return keys * float("inf")

    config = MultiHeadAttentionConfig(type="multi_head", num_heads=2)
    context = LayerContext(width=8, depth=1, causal=True, initializer=NORMAL)
    attention = config.build(keras.layers, "attention", context, Signed())
    keys, _ = attention.project_memory(vectors(1, 3, 8))
    assert np.isinf(np.asarray(keys)).all()
    finite = tuple(np.ones((1, 2, 3, 4), "float32") for _ in range(2))
    bias = np.zeros((1, 1, 1, 3), "float32")
    attended = attention.attend_to_memory(vectors(1, 3, 8), finite, AttentionContext(bias))
    ones = np.asarray(attention.output(np.ones((1, 3, 8), "float32")))
    np.testing.assert_allclose(attended, ones, atol=1e-5)
