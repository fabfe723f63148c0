"""Replaced token detection: what the generator writes, and what each network learns from."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from archbuilder.errors import UserError
from archbuilder.experiment import Experiment, load
from archbuilder.language import SpecError
from archbuilder.objectives.replaced_token_detection import (
    NUM_LEVELS,
    ReplacedTokenDetection,
    sampled,
)
from archbuilder.text.batch import Batch, Target
from tests import small_run
from tests.variants import tiny

VOCABULARY = SimpleNamespace(special_ids=(0, 1, 2, 3, 4), mask_id=4, size=23)
OBJECTIVE = ReplacedTokenDetection(
    type="replaced_token_detection", generator_size=0.5, mask_selection_rate=0.3
)
ALWAYS = 7
"""The token that the generator writes in these tests."""


def corrupted(rows=3, length=12, real=9):
    random = np.random.default_rng(0)
    token_ids = random.integers(5, 23, (rows, length)).astype("int32")
    token_ids[:, 0], token_ids[:, real - 1], token_ids[:, real:] = 2, 3, 0
    mask = np.tile(np.arange(length) < real, (rows, 1)).astype("int32")
    inputs = {"token_ids": token_ids, "padding_mask": mask}
    batch = Batch(inputs | {"segment_ids": np.zeros_like(token_ids)}, {}, {})
    OBJECTIVE.prepare_batch("rtd", batch, random, VOCABULARY)
    return token_ids, batch


@pytest.fixture(scope="module")
def drawn():
    """A network, and its training graph, whose generator always writes one token."""
    keras.utils.set_random_seed(0)
    spec = tiny(decoder=False)
    spec["objectives"] = {"rtd": OBJECTIVE.model_dump()}
    del spec["model"]["pooler"]
    network = Experiment.model_validate(spec).model_graph()
    graph = network.training_graph()
    bias = np.zeros((1, 23), "float32")
    bias[0, ALWAYS] = 1e4
    graph.get_layer("rtd_generator.bias").set_weights([bias])
    return network, graph


def run(model, inputs, **options):
    return model({tensor.name: inputs[tensor.name] for tensor in model.inputs}, **options)


def replaced(outputs, batch):
    """Which tokens the model reads that are not those of the text."""
    return np.asarray(outputs["rtd_generator_token_ids"]) != batch.targets["rtd"].ids


def test_the_chosen_tokens_are_masked_and_can_be_found_again():
    before, batch = corrupted()
    slots, target = batch.inputs["rtd_generator_slots"], batch.targets["rtd_generator"]
    hidden = slots > 0
    assert (batch.inputs["token_ids"][hidden] == VOCABULARY.mask_id).all()
    assert (batch.inputs["token_ids"][~hidden] == before[~hidden]).all()
    rows, _ = np.nonzero(hidden)
    assert (target.ids[rows, slots[hidden] - 1] == before[hidden]).all()
    assert hidden.sum() == target.weights.sum() == 3 * round(0.3 * 7)
    assert not hidden[:, [0, 8, 9, 10, 11]].any()


def test_every_real_token_counts_and_padding_does_not():
    _, batch = corrupted()
    assert (batch.targets["rtd"].weights == batch.inputs["padding_mask"]).all()


def test_the_model_reads_the_text_with_what_the_generator_wrote(drawn):
    network, graph = drawn
    before, batch = corrupted()
    found = run(graph, batch.inputs)
    hidden = batch.inputs["rtd_generator_slots"] > 0
    filled = np.where(hidden, ALWAYS, before)
    alone = run(network.model, batch.inputs | {"token_ids": filled})
    np.testing.assert_allclose(found["rtd"], alone["rtd"], atol=1e-6)
    assert found["rtd"].shape == (3, 12, 1)


def test_a_token_that_is_written_right_counts_as_the_texts_own(drawn):
    before, batch = corrupted()
    hidden = batch.inputs["rtd_generator_slots"] > 0
    row, place = np.argwhere(hidden)[0]
    assert batch.targets["rtd"].ids is before
    before[row, place] = ALWAYS
    found = replaced(run(drawn[1], batch.inputs), batch)
    np.testing.assert_array_equal(found, hidden & (before != ALWAYS))
    assert found[row, place] == 0


def test_neither_network_learns_from_the_others_loss(drawn):
    _, batch = corrupted()
    graph = drawn[1]
    with tf.GradientTape(persistent=True) as tape:
        found = run(graph, batch.inputs, training=True)
        guessing, telling = (
            term.sums(found, Target(*map(tf.constant, batch.targets[name])))["loss"]
            for name, term in OBJECTIVE.terms("rtd").items()
        )
    weights = {weight.path: weight.value for weight in graph.trainable_weights}

    def reached(loss):
        return {name for name, one in tape.gradient(loss, weights).items() if one is not None}

    shared = {name for name in weights if name.startswith(("embeddings.", "positions"))}
    own = {name for name in weights if name.startswith("rtd_generator.")}
    assert reached(guessing) == own | shared
    assert reached(telling) == weights.keys() - own


def test_one_logit_is_that_of_class_1_against_class_0():
    logit, targets = np.array([[-2.0], [0.5], [3.0]], "float32"), np.array([0, 1, 0], "int32")
    sums = OBJECTIVE.sums(tf.constant(logit), Target(tf.constant(targets), tf.ones(3)))
    signs = np.where(targets == 1, -1, 1) * logit[:, 0]
    np.testing.assert_allclose(sums["loss"], np.log1p(np.exp(signs)).sum(), rtol=1e-5)
    assert float(sums["correct"]) == 2


def test_the_saved_model_has_no_generator(drawn):
    model = drawn[0].model
    assert set(model.output) == {"sequence_output", "rtd"}
    assert {tensor.name for tensor in model.inputs} == {"token_ids", "padding_mask", "segment_ids"}
    assert not [weight.path for weight in model.weights if "generator" in weight.path]


def test_tokens_are_drawn_as_often_as_their_share():
    logits = np.log(np.array([0.5, 0.2, 0.0001, 0.2999], "float32"))
    draws = np.random.default_rng(0).integers(NUM_LEVELS, size=(1, 20_000)).astype("int32")
    found = np.asarray(sampled(np.tile(logits, (1, 20_000, 1)), draws))
    shares = np.bincount(found[0], minlength=4) / 20_000
    np.testing.assert_allclose(shares, [0.5, 0.2, 0.0, 0.3], atol=0.01)


def test_the_ends_of_the_draw_are_the_first_and_the_last_token():
    logits = np.zeros((1, 2, 30_000), "float32")
    found = np.asarray(sampled(logits, np.array([[0, NUM_LEVELS - 1]], "int32")))
    assert found.tolist() == [[0, 29_999]]


def test_the_generators_layers_are_a_share_of_the_models(drawn):
    stack = drawn[0].architecture.encoder
    small = stack.scaled(OBJECTIVE.share)
    assert (small.attention.num_heads, small.feed_forward.intermediate_dim) == (1, 6)
    assert small.num_layers == stack.num_layers
    widths = {weight.path: tuple(weight.shape) for weight in drawn[1].weights}
    assert widths["rtd_generator.projection/kernel"] == (8, 4)
    assert widths["rtd_generator.transform/kernel"] == (4, 8)


def test_a_third_may_be_written_with_three_digits():
    third = ReplacedTokenDetection(type="replaced_token_detection", generator_size=0.333)
    assert str(third.share) == "1/3"


@pytest.mark.parametrize(
    ("write", "settings", "sentence"),
    [
        (small_run.bert, {}, "generator_size: 1/4 of num_heads 2 is no whole number"),
        (small_run.transformer, {"generator_size": 0.5}, "found by an encoder alone"),
    ],
)
def test_what_cannot_work_is_refused(write, settings, sentence, tmp_path):
    spec = write(tmp_path)
    spec["objectives"] = {"replaced_token_detection": settings}
    spec["model"].pop("pooler", None)
    with pytest.raises(SpecError, match=sentence):
        load(small_run.write(spec, tmp_path / "spec.yaml"))


def test_it_hides_tokens_so_masked_lm_cannot_stand_beside_it(tmp_path):
    spec = small_run.bert(tmp_path)
    spec["objectives"]["replaced_token_detection"] = {"generator_size": 0.5}
    with pytest.raises(SpecError, match="'masked_lm' hides tokens already"):
        load(small_run.write(spec, tmp_path / "spec.yaml"))


def test_a_tokenizer_without_a_mask_is_refused():
    with pytest.raises(UserError, match="has no mask token for its generator"):
        OBJECTIVE.check_vocabulary(SimpleNamespace(mask_id=None))


def test_packed_examples_are_guessed_and_told_as_each_alone(drawn):
    network, graph = drawn
    _, batch = corrupted(rows=2, length=9)
    packed = {name: array.reshape(1, -1) for name, array in batch.inputs.items()}
    slots = batch.inputs["rtd_generator_slots"]
    behind = np.where(slots > 0, slots + batch.inputs["rtd_generator_positions"].shape[1], 0)
    packed["rtd_generator_slots"] = np.concatenate([slots[:1], behind[1:]], axis=1)
    packed["rtd_generator_positions"] = packed["rtd_generator_positions"] + np.repeat([0, 9], 2)
    packed["packing_ids"] = np.repeat([[1, 2]], 9, axis=1)
    packed["packing_positions"] = np.tile(np.arange(9), 2)[None]
    generator = OBJECTIVE.build_generator(keras.layers, "rtd", network.backbone)
    packed_graph = network.build_model(packed=True, generators=[generator])
    own = {weight.path: weight for weight in graph.weights}
    for weight in packed_graph.weights:
        weight.assign(own[weight.path])
    one, other = run(graph, batch.inputs), run(packed_graph, packed)
    for name in ("rtd", "rtd_generator_token_ids", "rtd_generator"):
        alone = np.asarray(one[name]).reshape(np.asarray(other[name]).shape)
        np.testing.assert_allclose(alone, other[name], atol=1e-5, rtol=1e-5)


def test_a_run_goes_on_and_its_model_opens(tmp_path):
    spec = small_run.bert(tmp_path, steps=4)
    spec["model"].pop("pooler")
    spec["objectives"] = {"replaced_token_detection": {"generator_size": 0.5}}
    experiment = load(small_run.write(spec, tmp_path / "spec.yaml"))
    found = experiment.train(tmp_path / "run")
    model = keras.saving.load_model(tmp_path / "run" / "model.keras")
    assert set(model.output) == {"sequence_output", "replaced_token_detection"}
    expected = (
        found["replaced_token_detection_generator_loss"]
        + 50 * (found["replaced_token_detection_loss"])
    )
    assert found["loss"] == pytest.approx(expected)
