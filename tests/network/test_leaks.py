"""Causality, and independence of padding, packing and caching, in stacks of several layers."""

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
    minimal(variant)["type"]: minimal(variant) for variant in classes(AnyAttentionPosition)
}
INSIDE |= {
    "rotary_percentage": {"type": "rotary", "rotary_percentage": 0.5, "layout": "interleaved"},
    "shaw_values": {"type": "shaw", "max_distance": 2, "values": True},
}
INPUT = {minimal(variant)["type"]: minimal(variant) for variant in classes(AnyPosition)}
ATTENTION = {
    "multi_head": {},
    "grouped_query": {"num_key_value_heads": 2, "key_dim": 8, "biases": ["query"]},
    "multi_query": {"num_key_value_heads": 1, "logit_soft_cap": 2.0},
    "window": {"sliding_window_size": 2, "query_key_norm": {"type": "rms_norm"}},
}
POSITIONS = [("none", inside) for inside in INSIDE] + [
    (kind, None) for kind in INPUT if kind != "none"
]
CASES = [
    pytest.param(
        shape, attention, *positions, id=f"{attention}-{positions[1] or positions[0]}-{shape}"
    )
    for shape, attention, positions in product(("both", "alone"), ATTENTION, POSITIONS)
    if shape == "both" or attention == "grouped_query"
]
every_kind = pytest.mark.parametrize(("shape", "attention", "input_kind", "inside_kind"), CASES)


@cache
def network(shape, attention, input_kind, inside_kind):
    """Return an encoder-decoder or a decoder, of three layers with large random weights."""
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


def decoder_output(backbone, source, target):
    """Return the decoder's output for a source and a target, dictionaries of arrays [B, T]."""
    inputs = dict(target)
    if backbone.config.is_encoder_decoder:
        inputs = {f"decoder_{name}": array for name, array in target.items()}
        inputs |= {f"encoder_{name}": array for name, array in source.items()}
    outputs = backbone({name: np.asarray(array, "int32") for name, array in inputs.items()})
    return np.asarray(outputs.get("decoder_sequence_output", outputs["sequence_output"]))


def inputs_of(ids, real=None):
    """Return the inputs for ids [B, T]; the first `real` tokens of each row are real."""
    mask = np.arange(ids.shape[1]) < (ids.shape[1] if real is None else real)
    return {"token_ids": ids, "padding_mask": np.broadcast_to(mask, ids.shape)}


def ids(seed, *shape):
    return np.random.default_rng(seed).integers(5, 23, shape)


@every_kind
def test_a_token_attends_to_itself_and_not_to_later_tokens(
    shape, attention, input_kind, inside_kind
):
    backbone = network(shape, attention, input_kind, inside_kind)
    source, target = inputs_of(ids(0, 2, 7)), ids(1, 2, 9)
    changed = target.copy()
    changed[:, 5] = 4
    first, second = (decoder_output(backbone, source, inputs_of(ids)) for ids in (target, changed))
    np.testing.assert_array_equal(first[:, :5], second[:, :5])
    assert np.abs(first[:, 5] - second[:, 5]).max() > 1e-3


@every_kind
def test_ids_in_padding_and_its_length_have_no_effect(shape, attention, input_kind, inside_kind):
    backbone = network(shape, attention, input_kind, inside_kind)
    source, target = ids(0, 2, 8), ids(1, 2, 9)
    first = decoder_output(backbone, inputs_of(source, 6), inputs_of(target, 7))
    source[:, 6:], target[:, 7:] = 1, 2
    second = decoder_output(backbone, inputs_of(source, 6), inputs_of(target, 7))
    np.testing.assert_array_equal(first[:, :7], second[:, :7])
    third = decoder_output(backbone, inputs_of(source[:, :6]), inputs_of(target[:, :7]))
    np.testing.assert_allclose(first[:, :7], third, atol=1e-4)


@every_kind
def test_packed_examples_have_the_same_outputs_as_alone(shape, attention, input_kind, inside_kind):
    backbone = network(shape, attention, input_kind, inside_kind)
    lengths = ((4, 5), (3, 2), (6, 4))  # Of source and target of each example.
    alone = [[ids(length, 1, length) for length in pair] for pair in lengths]
    source, target = (packed([example[s] for example in alone]) for s in (0, 1))
    output, start = decoder_output(backbone, source, target), 0
    for source_ids, target_ids in alone:
        expected = decoder_output(backbone, inputs_of(source_ids), inputs_of(target_ids))
        stop = start + target_ids.shape[1]
        np.testing.assert_allclose(output[:, start:stop], expected, atol=1e-4)
        start = stop


def packed(rows):
    """Return one packed row of examples [1, T], with two tokens of padding."""
    counts = [row.shape[1] for row in rows]
    arrays = {
        "token_ids": np.concatenate(rows, axis=1)[0],
        "padding_mask": np.ones(sum(counts)),
        "packing_ids": np.repeat(np.arange(1, len(rows) + 1), counts),
        "packing_positions": np.concatenate([np.arange(count) for count in counts]),
    }
    return {name: np.pad(array, (0, 2))[None] for name, array in arrays.items()}


@every_kind
def test_decoding_with_a_cache_equals_decoding_without(shape, attention, input_kind, inside_kind):
    backbone = network(shape, attention, input_kind, inside_kind)
    source, target = inputs_of(ids(0, 2, 7), 5), ids(1, 2, 6).astype("int32")
    expected = decoder_output(backbone, source, inputs_of(target))
    memory, mask = None, None
    if shape == "both":
        mask = source["padding_mask"].astype("int32")
        memory = backbone.encode(source["token_ids"].astype("int32"), mask)
    projected, cache = backbone.project_memory(memory), backbone.init_cache(2, max_length=8)
    for index in range(6):
        token = target[:, index : index + 1]
        hidden, cache = backbone.decode_step(token, index, cache, 8, projected, mask)
        np.testing.assert_allclose(np.asarray(hidden)[:, 0], expected[:, index], atol=1e-4)


@every_kind
def test_several_tokens_per_decoding_step_equal_one_per_step(
    shape, attention, input_kind, inside_kind
):
    backbone = network(shape, attention, input_kind, inside_kind)
    source, target = inputs_of(ids(0, 2, 7), 5), ids(1, 2, 6).astype("int32")
    expected = decoder_output(backbone, source, inputs_of(target))
    memory, mask = None, None
    if shape == "both":
        mask = source["padding_mask"].astype("int32")
        memory = backbone.encode(source["token_ids"].astype("int32"), mask)
    projected, cache = backbone.project_memory(memory), backbone.init_cache(2, max_length=8)
    for start, stop in ((0, 4), (4, 6)):
        tokens = target[:, start:stop]
        hidden, cache = backbone.decode_step(tokens, start, cache, 8, projected, mask)
        np.testing.assert_allclose(np.asarray(hidden), expected[:, start:stop], atol=1e-4)
