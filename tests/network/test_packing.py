"""Packed examples have the same outputs as examples in rows of their own."""

from collections import ChainMap
from functools import cache

import keras
import numpy as np
import pytest

from archbuilder.experiment import Experiment
from tests.variants import NETWORK, case_id, table, with_variant

pytestmark = pytest.mark.slow

LENGTHS = (5, 1, 7)
CASES = [
    pytest.param(case, decoder, id=f"{case_id(case)}-{'both' if decoder else 'encoder'}")
    for case in table(NETWORK)
    for decoder in (False, True)
    if case[0] != "model.pooler"
]


@cache
def build_graph(case, decoder):
    keras.utils.set_random_seed(0)
    spec = with_variant(*case, decoder)
    if not decoder:  # A pooled output is one vector per row, not per packed example.
        spec["model"].pop("pooler")
        spec["objectives"].pop("next_sentence")
    return Experiment.model_validate(spec).model_graph()


def stack_inputs(prefix, segments, seed):
    """Return the inputs of a stack: for each example, and for one padded packed row."""
    random = np.random.default_rng(seed)
    names = ["token_ids", "padding_mask", *(["segment_ids"] if segments else [])]
    alone = [{name: random.integers(5, 23, (1, length)) for name in names} for length in LENGTHS]
    for example in alone:
        example["padding_mask"] = np.ones_like(example["token_ids"])
        if segments:
            example["segment_ids"] = example["segment_ids"] % 2
    packed = {name: _padded(np.concatenate([e[name][0] for e in alone])) for name in names}
    packed["packing_ids"] = _padded(np.repeat([1, 2, 3], LENGTHS))
    packed["packing_positions"] = _padded(np.concatenate([np.arange(length) for length in LENGTHS]))
    return [{prefix + name: array for name, array in arrays.items()} for arrays in (*alone, packed)]


def _padded(row):
    return np.pad(row, (0, 2))[None].astype("int32")


@pytest.mark.parametrize(("case", "decoder"), CASES)
def test_packed_examples_have_the_same_outputs_as_alone(case, decoder):
    graph = build_graph(case, decoder)
    prefixes = ("encoder_", "decoder_") if decoder else ("",)
    stacks = [stack_inputs(prefix, not decoder, seed) for seed, prefix in enumerate(prefixes)]
    *alone, packed = [dict(ChainMap(*both)) for both in zip(*stacks, strict=True)]
    names = ("sequence_output", "decoder_sequence_output") if decoder else ("sequence_output",)
    outputs = run(graph.build_model(packed=True), packed)
    start = 0
    for example, length in zip(alone, LENGTHS, strict=True):
        expected = run(graph.model, example)
        stop = start + length
        for name in names:
            np.testing.assert_allclose(outputs[name][:, start:stop], expected[name], atol=1e-5)
        start = stop


@pytest.mark.parametrize("decoder", [False, True])
def test_a_packed_example_does_not_attend_to_others(decoder):
    graph = build_graph(table(NETWORK)[0], decoder)
    model = graph.build_model(packed=True)
    prefixes = ("encoder_", "decoder_") if decoder else ("",)
    (*_, packed), *others = [stack_inputs(prefix, not decoder, 0) for prefix in prefixes]
    packed = packed | {name: array for *_, arrays in others for name, array in arrays.items()}
    changed = dict(packed)
    for prefix in prefixes:
        changed[f"{prefix}token_ids"] = packed[f"{prefix}token_ids"].copy()
        changed[f"{prefix}token_ids"][:, LENGTHS[0] :] = 7
    before, after = run(model, packed), run(model, changed)
    name = "decoder_sequence_output" if decoder else "sequence_output"
    np.testing.assert_array_equal(before[name][:, : LENGTHS[0]], after[name][:, : LENGTHS[0]])
    assert np.abs(before[name][:, LENGTHS[0] :] - after[name][:, LENGTHS[0] :]).max() > 1e-3


def run(model, inputs):
    inputs = {name: np.asarray(array, "int32") for name, array in inputs.items()}
    for tensor in model.inputs:
        inputs.setdefault(tensor.name, np.zeros((1, 1), "int32"))  # No masked positions.
    outputs = model({tensor.name: inputs[tensor.name] for tensor in model.inputs}, training=False)
    return {name: np.asarray(array) for name, array in outputs.items()}
