"""Properties of every variant of the network, in an encoder and in an encoder-decoder."""

from functools import cache

import keras
import numpy as np
import pytest

from archbuilder.experiment import Experiment
from archbuilder.network.feed_forward import MixtureOfExpertsConfig
from tests.variants import NETWORK, case_id, table, with_variant

CASES = [
    pytest.param(case, decoder, id=f"{case_id(case)}-{'both' if decoder else 'encoder'}")
    for case in table(NETWORK)
    for decoder in (False, True)
    if not (decoder and case[0] == "model.pooler")
]
every_variant = pytest.mark.parametrize(("case", "decoder"), CASES)
every_variant_fast_in_an_encoder = pytest.mark.parametrize(
    ("case", "decoder"),
    [
        pytest.param(*case.values, id=case.id, marks=pytest.mark.slow if case.values[1] else ())
        for case in CASES
    ],
)


@cache
def built(case, decoder):
    keras.utils.set_random_seed(0)
    experiment = Experiment.model_validate(with_variant(*case, decoder))
    return experiment, experiment.build()


def batch(model, rows=3, length=9, real=6, seed=0):
    """Return random inputs; the first `real` tokens of each row are real."""
    random = np.random.default_rng(seed)
    inputs = {}
    for tensor in model.inputs:
        values = random.integers(5, 23, (rows, length))
        if tensor.name.endswith("padding_mask"):
            values = np.arange(length) < np.full((rows, 1), real)
        if tensor.name in ("segment_ids", "masked_lm_positions"):
            values = random.integers(0, 2, (rows, length))
        inputs[tensor.name] = values.astype("int32")
    return inputs


def outputs(model, inputs):
    return {name: np.asarray(array) for name, array in model(inputs, training=False).items()}


@every_variant
def test_outputs_have_the_documented_shapes(case, decoder):
    _, model = built(case, decoder)
    shapes = {name: array.shape for name, array in outputs(model, batch(model)).items()}
    if decoder:
        expected = {
            "sequence_output": (3, 9, 8),
            "decoder_sequence_output": (3, 9, 8),
            "sequence_to_sequence": (3, 9, 23),
        }
    else:
        expected = {
            "sequence_output": (3, 9, 8),
            "pooled_output": (3, 8),
            "masked_lm": (3, 9, 23),
            "next_sentence": (3, 2),
        }
    if case[1] is MixtureOfExpertsConfig:
        expected["load_balancing"] = (3,)
    assert shapes == expected


@every_variant
def test_the_parameter_counter_agrees_with_keras(case, decoder):
    experiment, model = built(case, decoder)
    counted = {
        f"{layer}/{weight}": shape
        for layer, weights in experiment.parameter_counter().weights.items()
        for weight, shape in weights.items()
    }
    assert counted == {weight.path: tuple(weight.shape) for weight in model.weights}


@every_variant
def test_ids_in_padding_have_no_effect(case, decoder):
    _, model = built(case, decoder)
    first, second = batch(model, real=6), batch(model, real=6)
    for name in first:
        if name.endswith("token_ids"):
            second[name][:, 6:] = 1
    first, second = outputs(model, first), outputs(model, second)
    for name, array in first.items():
        real = array[:, :6] if name.endswith("sequence_output") else array
        other = second[name][:, :6] if name.endswith("sequence_output") else second[name]
        if name == "sequence_to_sequence":
            real, other = real[:, :6], other[:, :6]
        np.testing.assert_array_equal(real, other)


@every_variant
def test_more_padding_has_no_effect(case, decoder):
    _, model = built(case, decoder)
    short = batch(model, length=6, real=6)
    padded = {
        name: array if name == "masked_lm_positions" else np.pad(array, ((0, 0), (0, 4)))
        for name, array in short.items()
    }
    short, padded = outputs(model, short), outputs(model, padded)
    for name, array in short.items():
        other = padded[name][tuple(slice(size) for size in array.shape)]
        np.testing.assert_allclose(array, other, atol=5e-6)


@every_variant
def test_a_decoder_is_causal_and_an_encoder_is_not(case, decoder):
    _, model = built(case, decoder)
    name = "decoder_token_ids" if decoder else "token_ids"
    first = batch(model, real=9)
    second = {key: array.copy() for key, array in first.items()}
    second[name][:, 5:] = (second[name][:, 5:] + 7) % 23
    output = "decoder_sequence_output" if decoder else "sequence_output"
    first, second = outputs(model, first)[output], outputs(model, second)[output]
    difference = np.abs(first[:, :5] - second[:, :5]).max()
    assert (difference == 0) == decoder
    assert np.abs(first[:, 5:] - second[:, 5:]).max() > 0


@every_variant_fast_in_an_encoder
def test_a_saved_model_has_the_same_outputs(case, decoder, tmp_path):
    _, model = built(case, decoder)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    inputs = batch(model)
    first, second = outputs(model, inputs), outputs(loaded, inputs)
    assert all((first[name] == second[name]).all() for name in first)


@every_variant_fast_in_an_encoder
def test_bfloat16_is_close_to_float32(case, decoder):
    experiment, model = built(case, decoder)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = experiment.build()
    finally:
        keras.config.set_dtype_policy("float32")
    half.set_weights(model.get_weights())
    inputs = batch(model)
    first = model(inputs, training=False)
    second = half(inputs, training=False)
    for name, tensor in second.items():
        assert tensor.dtype.name == ("float32" if name == "load_balancing" else "bfloat16")
        assert np.isfinite(np.asarray(tensor, "float32")).all()
        difference = np.abs(np.asarray(tensor, "float32") - np.asarray(first[name]))
        # Rounding can send a token to another expert.
        summarize = np.median if case[1] is MixtureOfExpertsConfig else np.max
        assert summarize(difference) <= 0.05 * np.abs(np.asarray(first[name])).max() + 0.05


@every_variant
def test_a_row_of_padding_has_finite_outputs(case, decoder):
    _, model = built(case, decoder)
    arrays = outputs(model, batch(model, real=0)).values()
    assert all(np.isfinite(array).all() for array in arrays)


@every_variant_fast_in_an_encoder
def test_every_weight_has_a_gradient(case, decoder):
    import tensorflow as tf

    _, model = built(case, decoder)
    with tf.GradientTape() as tape:
        tensors = model(batch(model, real=9), training=True)
        total = sum(tf.reduce_sum(tf.square(tensor)) for tensor in tensors.values())
    gradients = tape.gradient(total, [weight.value for weight in model.trainable_weights])
    assert all(gradient is not None for gradient in gradients)
