"""Every architecture of the catalogue against `transformers` itself; `make parity` runs this."""

import numpy as np
import pytest

from archbuilder.exchange.hugging_face import weights
from archbuilder.exchange.hugging_face.names import LAYOUTS
from archbuilder.exchange.hugging_face.spec import spec_of
from archbuilder.experiment import Experiment, load
from archbuilder.language import shipped_specs
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
    (name,) = experiment.objectives
    for own in experiment.objectives[name].inputs(name):
        batch[own] = np.tile(np.arange(length), (4, 1))
    return {name: array.astype("int32") for name, array in batch.items()}


@pytest.mark.parametrize("member", CATALOGUE, ids=lambda member: member.spec)
def test_the_spec_gives_the_oracles_logits(member):
    from tests.parity import oracle

    model = oracle.random_model(member.model, 0, vocab_size=VOCABULARY, **member.config)
    experiment = load(shipped_specs() / f"{member.spec}.yaml", member.options)
    ours = experiment.build()
    shapes = {weight.path: tuple(weight.shape) for weight in ours.weights}
    found = weights.ours(LAYOUTS[member.names], oracle.state(model), shapes)
    for weight in ours.weights:
        weight.assign(found[weight.path])
    (name,) = experiment.objectives
    differences = []
    for length in (1, 7, LENGTH):
        batch = ragged_batch(experiment, length, seed=length)
        expected = oracle.logits(model, batch)
        real = batch.get("padding_mask", batch.get("decoder_padding_mask")) > 0
        logits = np.asarray(ours(batch, training=False)[name])
        assert np.abs(expected[real]).max() > 0.5
        differences.append(np.abs(logits - expected)[real].max())
    assert max(differences) <= 1e-4


@pytest.mark.parametrize("member", CATALOGUE, ids=lambda member: member.spec)
def test_the_oracles_configuration_becomes_the_same_network(member):
    from tests.parity import oracle

    fields = oracle.configuration(member.model, vocab_size=VOCABULARY, **member.config)
    if "tie_word_embeddings" in member.config:  # What T5's forgets, and the published files say.
        fields["tie_word_embeddings"] = member.config["tie_word_embeddings"]
    shipped = load(shipped_specs() / f"{member.spec}.yaml", member.options)
    read = Experiment.model_validate(spec_of(fields, member.spec))
    assert read.ledger().weights == shipped.ledger().weights
    ours = [forward(one.model_dump(mode="json", exclude_none=True)) for one in (read, shipped)]
    assert ours[0] == ours[1]


def forward(spec):
    """What of a spec changes the outputs, without what is only for training or only a default."""
    if not isinstance(spec, dict):
        return spec
    training = {"dropout", "final_dropout", "initializer", "weight", "label_smoothing"}
    same = {"key_dim", "num_layer_groups", "scale_output", "scaling"}
    return {
        name: forward(value)
        for name, value in spec.items()
        if name not in training | same and not name.startswith(("mask_", "random_"))
    }


@pytest.mark.parametrize("member", CATALOGUE, ids=lambda member: member.spec)
def test_weights_go_back_to_what_they_were(member):
    from tests.parity import oracle

    model = oracle.random_model(member.model, 0, vocab_size=VOCABULARY, **member.config)
    experiment = load(shipped_specs() / f"{member.spec}.yaml", member.options)
    shapes = {
        f"{layer}/{weight}": shape
        for layer, parts in experiment.ledger().weights.items()
        for weight, shape in parts.items()
    }
    state = oracle.state(model)
    layout = LAYOUTS[member.names]
    back = weights.theirs(layout, weights.ours(layout, state, shapes))
    trained = dict(model.named_parameters())
    for name, array in back.items():
        np.testing.assert_array_equal(array, state[name])
    missing = {name for name, weight in trained.items() if weight.requires_grad} - set(back)
    assert missing == set()
