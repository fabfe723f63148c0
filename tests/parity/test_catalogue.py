"""Every architecture of the catalogue against `transformers` itself; `make parity` runs this."""

import numpy as np
import pytest

from archbuilder.exchange.export_model import inexpressible_fields
from archbuilder.experiment import load
from archbuilder.pretrained.hugging_face import architecture_of, weights
from archbuilder.shipped import shipped_specs
from tests.parity.catalogue import CATALOGUE, LENGTH, VOCABULARY

pytestmark = pytest.mark.oracle


def ragged_batch(experiment, length, seed):
    """Ids with padding at the end of all rows but the first, and every position asked for."""
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
        for own in objective.inputs(name):
            batch[own] = np.tile(np.arange(length), (4, 1))
    return {name: array.astype("int32") for name, array in batch.items()}


@pytest.mark.parametrize("member", CATALOGUE, ids=lambda member: member.spec)
def test_the_spec_gives_the_oracles_logits(member):
    from tests.parity import oracle

    model = oracle.random_model(member.model, 0, vocab_size=VOCABULARY, **member.config)
    experiment = load(shipped_specs() / f"{member.spec}.yaml", member.options)
    ours = experiment.build()
    shapes = {weight.path: tuple(weight.shape) for weight in ours.weights}
    names = architecture_of(member.model_type).weight_names_of(experiment.model)
    found = weights.read_weights(names, oracle.state(model), shapes, member.spec)
    for weight in ours.weights:
        weight.assign(found[weight.path])
    assert largest_difference(experiment, ours, model) <= 1e-4


def largest_difference(experiment, ours, model) -> float:
    """Between all outputs of a Keras model and of the oracle's, over ragged batches."""
    from tests.parity import oracle

    differences = []
    for length in (1, 7, LENGTH):
        batch = ragged_batch(experiment, length, seed=length)
        found, expected = ours(batch, training=False), oracle.outputs(model, batch)
        real = batch.get("padding_mask", batch.get("decoder_padding_mask")) > 0
        for name in experiment.objectives or ("sequence_output", "pooled_output"):
            wanted, got = expected.get(name, expected.get("logits")), np.asarray(found[name])
            if wanted.ndim == 3:
                wanted, got = wanted[real], got[real]
            assert np.abs(wanted).max() > 0.1
            differences.append(np.abs(got - wanted).max())
    return max(differences)


@pytest.mark.parametrize("member", CATALOGUE, ids=lambda member: member.spec)
def test_the_oracles_configuration_becomes_the_same_network(member):
    from tests.parity import oracle

    fields = oracle.configuration(member.model, vocab_size=VOCABULARY, **member.config)
    if "tie_word_embeddings" in member.config:  # What T5's forgets, and the published files say.
        fields["tie_word_embeddings"] = member.config["tie_word_embeddings"]
    shipped = load(shipped_specs() / f"{member.spec}.yaml", member.options)
    assert list(inexpressible_fields(fields, shipped)) == []


@pytest.mark.parametrize("member", CATALOGUE, ids=lambda member: member.spec)
def test_weights_go_back_to_what_they_were(member):
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
    own = weights.read_weights(names, state, shapes, member.spec)
    back = weights.from_keras(names, own)
    trained = dict(model.named_parameters())
    for name, array in back.items():
        np.testing.assert_array_equal(array, state[name])
    missing = {name for name, weight in trained.items() if weight.requires_grad} - set(back)
    assert missing == set()
