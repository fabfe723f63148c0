"""No token sees what it must not, and nothing depends on what stands beside it, however deep."""

from functools import cache
from itertools import product

import keras
import numpy as np
import pytest

from archbuilder.network.attention_positions import AnyAttentionPosition
from archbuilder.network.backbone import BackboneConfig
from archbuilder.network.position import AnyPosition
from tests.variants import classes, minimal

pytestmark = pytest.mark.slow

INSIDE = {None: None} | {
    minimal(one)["type"]: minimal(one) for one in classes(AnyAttentionPosition)
}
INSIDE |= {
    "rotary_percentage": {"type": "rotary", "rotary_percentage": 0.5, "layout": "interleaved"},
    "shaw_values": {"type": "shaw", "max_distance": 2, "values": True},
}
INPUT = {minimal(one)["type"]: minimal(one) for one in classes(AnyPosition)}
ATTENTION = {
    "multi_head": {},
    "grouped_query": {"num_key_value_heads": 2, "key_dim": 8, "biases": ["query"]},
    "multi_query": {"num_key_value_heads": 1, "logit_soft_cap": 2.0},
    "window": {"sliding_window_size": 2, "query_key_norm": {"type": "rms_norm"}},
}
PLACES = [("none", inside) for inside in INSIDE] + [
    (kind, None) for kind in INPUT if kind != "none"
]
CASES = [
    pytest.param(alone, attention, *places, id=f"{attention}-{places[1] or places[0]}-{alone}")
    for alone, attention, places in product(("both", "alone"), ATTENTION, PLACES)
    if alone == "both" or attention == "grouped_query"
]
every_kind = pytest.mark.parametrize(("shape", "attention", "input_kind", "inside_kind"), CASES)


@cache
def network(shape, attention, input_kind, inside_kind):
    """An encoder with a decoder, or a decoder alone, of three layers with large random weights."""
    keras.utils.set_random_seed(0)
    settings = {"type": "multi_head", "num_heads": 4} | ATTENTION[attention]
    stack = {
        "num_layers": 3,
        "attention": settings | {"positions": INSIDE[inside_kind]},
        "feed_forward": {"type": "gated", "intermediate_dim": 6, "activation": "silu"},
        "norm": {"type": "rms_norm"},
        "norm_placement": "pre",
    }
    alone = shape == "alone"
    model = {
        "hidden_dim": 16,
        "vocabulary_size": 23,
        "embeddings": {"tie": "output"},
        "positions": INPUT[input_kind],
        "encoder": None if alone else stack,
        "decoder": stack,
        "initializer": {"type": "normal", "stddev": 0.5},
    }
    return BackboneConfig.model_validate(model).build(keras.layers)


def read(drawn, source, target, packed=False):
    """The decoder's vectors for a source and a target, each a dictionary of arrays [B, T]."""
    inputs = dict(target)
    if drawn.config.is_encoder_decoder:
        inputs = {f"decoder_{name}": array for name, array in target.items()}
        inputs |= {f"encoder_{name}": array for name, array in source.items()}
    streams = drawn({name: np.asarray(array, "int32") for name, array in inputs.items()})
    return np.asarray(streams.get("decoder_sequence_output", streams["sequence_output"]))


def side(ids, real=None):
    """Ids [B, T] of which the first `real` of each row count."""
    mask = np.arange(ids.shape[1]) < (ids.shape[1] if real is None else real)
    return {"token_ids": ids, "padding_mask": np.broadcast_to(mask, ids.shape)}


def ids(seed, *shape):
    return np.random.default_rng(seed).integers(5, 23, shape)


@every_kind
def test_no_token_sees_a_later_one_and_each_sees_itself(shape, attention, input_kind, inside_kind):
    drawn = network(shape, attention, input_kind, inside_kind)
    source, target = side(ids(0, 2, 7)), ids(1, 2, 9)
    changed = target.copy()
    changed[:, 5] = 4
    first, second = (read(drawn, source, side(one)) for one in (target, changed))
    np.testing.assert_array_equal(first[:, :5], second[:, :5])
    assert np.abs(first[:, 5] - second[:, 5]).max() > 1e-3


@every_kind
def test_what_stands_in_padding_changes_nothing(shape, attention, input_kind, inside_kind):
    drawn = network(shape, attention, input_kind, inside_kind)
    source, target = ids(0, 2, 8), ids(1, 2, 9)
    first = read(drawn, side(source, 6), side(target, 7))
    source[:, 6:], target[:, 7:] = 1, 2
    second = read(drawn, side(source, 6), side(target, 7))
    np.testing.assert_array_equal(first[:, :7], second[:, :7])
    third = read(drawn, side(source[:, :6]), side(target[:, :7]))
    np.testing.assert_allclose(first[:, :7], third, atol=1e-4)


@every_kind
def test_packed_examples_give_what_each_gives_alone(shape, attention, input_kind, inside_kind):
    drawn = network(shape, attention, input_kind, inside_kind)
    lengths = ((4, 5), (3, 2), (6, 4))  # Of the sources, and of the targets.
    alone = [[ids(length, 1, length) for length in pair] for pair in lengths]
    source, target = (packed([example[s] for example in alone]) for s in (0, 1))
    found, begin = read(drawn, source, target), 0
    for one_source, one_target in alone:
        expected = read(drawn, side(one_source), side(one_target))
        length = one_target.shape[1]
        np.testing.assert_allclose(found[:, begin : begin + length], expected, atol=1e-4)
        begin += length


def packed(rows):
    """Examples [1, T] in one row with two tokens of padding."""
    counts = [row.shape[1] for row in rows]
    arrays = {
        "token_ids": np.concatenate(rows, axis=1)[0],
        "padding_mask": np.ones(sum(counts)),
        "packing_ids": np.repeat(np.arange(1, len(rows) + 1), counts),
        "packing_positions": np.concatenate([np.arange(count) for count in counts]),
    }
    return {name: np.pad(array, (0, 2))[None] for name, array in arrays.items()}


@every_kind
def test_decoding_with_a_cache_gives_what_reading_at_once_gives(
    shape, attention, input_kind, inside_kind
):
    drawn = network(shape, attention, input_kind, inside_kind)
    source, target = side(ids(0, 2, 7), 5), ids(1, 2, 6).astype("int32")
    expected = read(drawn, source, side(target))
    memory, mask = None, None
    if shape == "both":
        mask = source["padding_mask"].astype("int32")
        memory = drawn.encode(source["token_ids"].astype("int32"), mask)
    projected, cache = drawn.project_memory(memory), drawn.init_cache(2, max_length=8)
    for index in range(6):
        token = target[:, index : index + 1]
        hidden, cache = drawn.decode_step(token, index, cache, 8, projected, mask)
        np.testing.assert_allclose(np.asarray(hidden)[:, 0], expected[:, index], atol=1e-4)


@every_kind
def test_several_tokens_at_once_fill_the_cache_as_one_by_one(
    shape, attention, input_kind, inside_kind
):
    drawn = network(shape, attention, input_kind, inside_kind)
    source, target = side(ids(0, 2, 7), 5), ids(1, 2, 6).astype("int32")
    expected = read(drawn, source, side(target))
    memory, mask = None, None
    if shape == "both":
        mask = source["padding_mask"].astype("int32")
        memory = drawn.encode(source["token_ids"].astype("int32"), mask)
    projected, cache = drawn.project_memory(memory), drawn.init_cache(2, max_length=8)
    for start, stop in ((0, 4), (4, 6)):
        tokens = target[:, start:stop]
        hidden, cache = drawn.decode_step(tokens, start, cache, 8, projected, mask)
        np.testing.assert_allclose(np.asarray(hidden), expected[:, start:stop], atol=1e-4)
