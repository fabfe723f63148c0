"""Parity of every shipped architecture with `transformers`; `make parity` runs it."""

import numpy as np
import pytest

from archbuilder.exchange.export_model import inexpressible_fields
from archbuilder.experiment import load
from archbuilder.pretrained.hugging_face import architecture_of, weights
from archbuilder.shipped import shipped_specs
from tests.parity.catalogue import CATALOGUE, LENGTH, VOCABULARY

pytestmark = pytest.mark.oracle


def ragged_batch(experiment, length, seed):
    """Return a batch in which all rows but the first are padded, with all positions selected."""
    random = np.random.default_rng(seed)
    batch = {}
    for name in experiment.model.inputs():
        if name.endswith("token_ids"):
            batch[name] = random.integers(3, VOCABULARY, (4, length))
        if name.endswith("padding_mask"):
            lengths = random.integers(1, length + 1, 4)
            lengths[0] = length
            batch[name] = np.arange(length) < lengths[:, None]
    if "segment_ids" in experiment.model.inputs():
        batch["segment_ids"] = np.zeros((4, length))
        if experiment.model.embeddings.num_segments > 1:
            batch["segment_ids"][:, length // 2 :] = 1
    for name, objective in experiment.objectives.items():
        for input_name in objective.inputs(name):
            batch[input_name] = np.tile(np.arange(length), (4, 1))
    return {name: array.astype("int32") for name, array in batch.items()}


@pytest.mark.parametrize("member", CATALOGUE, ids=lambda member: member.spec)
def test_outputs_equal_those_of_transformers(member):
    from tests.parity import oracle

    model = oracle.random_model(member.model, 0, vocab_size=VOCABULARY, **member.config)
    experiment = load(shipped_specs() / f"{member.spec}.yaml", member.options)
    keras_model = experiment.build()
    shapes = {weight.path: tuple(weight.shape) for weight in keras_model.weights}
    names = architecture_of(member.model_type).weight_names_of(experiment.model)
    arrays = weights.read_weights(names, oracle.state(model), shapes, member.spec)
    for weight in keras_model.weights:
        weight.assign(arrays[weight.path])
    assert largest_difference(experiment, keras_model, model) <= 1e-4


def largest_difference(experiment, keras_model, model) -> float:
    """Return the largest difference between the outputs of a Keras and a `transformers` model."""
    from tests.parity import oracle

    differences = []
    for length in (1, 7, LENGTH):
        batch = ragged_batch(experiment, length, seed=length)
        outputs, expected_outputs = keras_model(batch, training=False), oracle.outputs(model, batch)
        is_token = batch.get("padding_mask", batch.get("decoder_padding_mask")) > 0
        for name in experiment.objectives or ("sequence_output", "pooled_output"):
            expected = expected_outputs.get(name, expected_outputs.get("logits"))
            output = np.asarray(outputs[name])
            if expected.ndim == 3:
                expected, output = expected[is_token], output[is_token]
            assert np.abs(expected).max() > 0.1
            differences.append(np.abs(output - expected).max())
    return max(differences)


@pytest.mark.parametrize("member", CATALOGUE, ids=lambda member: member.spec)
def test_the_configuration_gives_the_same_model(member):
    from tests.parity import oracle

    fields = oracle.configuration(member.model, vocab_size=VOCABULARY, **member.config)
    if "tie_word_embeddings" in member.config:  # T5 omits it, but published files contain it.
        fields["tie_word_embeddings"] = member.config["tie_word_embeddings"]
    shipped = load(shipped_specs() / f"{member.spec}.yaml", member.options)
    assert list(inexpressible_fields(fields, shipped)) == []


@pytest.mark.parametrize("member", CATALOGUE, ids=lambda member: member.spec)
def test_weights_are_unchanged_by_import_and_export(member):
    from tests.parity import oracle

    model = oracle.random_model(member.model, 0, vocab_size=VOCABULARY, **member.config)
    experiment = load(shipped_specs() / f"{member.spec}.yaml", member.options)
    shapes = {
        f"{layer}/{weight}": shape
        for layer, parts in experiment.parameter_counter().weights.items()
        for weight, shape in parts.items()
    }
    state = oracle.state(model)
    names = architecture_of(member.model_type).weight_names_of(experiment.model)
    keras_weights = weights.read_weights(names, state, shapes, member.spec)
    exported = weights.from_keras(names, keras_weights)
    trained = dict(model.named_parameters())
    for name, array in exported.items():
        np.testing.assert_array_equal(array, state[name])
    missing = {name for name, weight in trained.items() if weight.requires_grad} - set(exported)
    assert missing == set()
