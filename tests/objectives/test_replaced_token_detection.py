"""Replaced token detection: replaced tokens, and the losses of generator and discriminator."""

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
    sample_classes,
)
from archbuilder.text.batch import Batch, Target
from tests import small_run
from tests.variants import tiny

VOCABULARY = SimpleNamespace(special_ids=(0, 1, 2, 3, 4), mask_id=4, size=23)
OBJECTIVE = ReplacedTokenDetection(
    type="replaced_token_detection", generator_size=0.5, mask_selection_rate=0.3
)
GENERATED = 7
"""Token that the generator always predicts in these tests."""


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
def built():
    """Return a model graph and its training graph, whose generator always predicts one token."""
    keras.utils.set_random_seed(0)
    spec = tiny(decoder=False)
    spec["objectives"] = {"rtd": OBJECTIVE.model_dump()}
    del spec["model"]["pooler"]
    model_graph = Experiment.model_validate(spec).model_graph()
    training_graph = model_graph.training_graph()
    bias = np.zeros((1, 23), "float32")
    bias[0, GENERATED] = 1e4
    training_graph.get_layer("rtd_generator.bias").set_weights([bias])
    return model_graph, training_graph


def run(model, inputs, **options):
    return model({tensor.name: inputs[tensor.name] for tensor in model.inputs}, **options)


def replaced(outputs, batch):
    """Return which tokens the model reads that differ from the text."""
    return np.asarray(outputs["rtd_generator_token_ids"]) != batch.targets["rtd"].ids


def test_selected_tokens_are_masked_and_their_slots_lead_to_the_targets():
    before, batch = corrupted()
    slots, target = batch.inputs["rtd_generator_slots"], batch.targets["rtd_generator"]
    masked = slots > 0
    assert (batch.inputs["token_ids"][masked] == VOCABULARY.mask_id).all()
    assert (batch.inputs["token_ids"][~masked] == before[~masked]).all()
    rows, _ = np.nonzero(masked)
    assert (target.ids[rows, slots[masked] - 1] == before[masked]).all()
    assert masked.sum() == target.weights.sum() == 3 * round(0.3 * 7)
    assert not masked[:, [0, 8, 9, 10, 11]].any()


def test_all_real_tokens_are_targets_and_padding_is_not():
    _, batch = corrupted()
    assert (batch.targets["rtd"].weights == batch.inputs["padding_mask"]).all()


def test_the_model_reads_the_text_with_the_generators_predictions(built):
    model_graph, training_graph = built
    before, batch = corrupted()
    outputs = run(training_graph, batch.inputs)
    masked = batch.inputs["rtd_generator_slots"] > 0
    filled = np.where(masked, GENERATED, before)
    expected = run(model_graph.model, batch.inputs | {"token_ids": filled})
    np.testing.assert_allclose(outputs["rtd"], expected["rtd"], atol=1e-6)
    assert outputs["rtd"].shape == (3, 12, 1)


def test_a_correctly_predicted_token_is_original(built):
    before, batch = corrupted()
    masked = batch.inputs["rtd_generator_slots"] > 0
    row, column = np.argwhere(masked)[0]
    assert batch.targets["rtd"].ids is before
    before[row, column] = GENERATED
    is_replaced = replaced(run(built[1], batch.inputs), batch)
    np.testing.assert_array_equal(is_replaced, masked & (before != GENERATED))
    assert is_replaced[row, column] == 0


def test_each_loss_has_gradients_only_for_its_network(built):
    _, batch = corrupted()
    graph = built[1]
    with tf.GradientTape(persistent=True) as tape:
        outputs = run(graph, batch.inputs, training=True)
        generator_loss, discriminator_loss = (
            term.sums(outputs, Target(*map(tf.constant, batch.targets[name])))["loss"]
            for name, term in OBJECTIVE.terms("rtd").items()
        )
    weights = {weight.path: weight.value for weight in graph.trainable_weights}

    def with_gradient(loss):
        gradients = tape.gradient(loss, weights)
        return {name for name, gradient in gradients.items() if gradient is not None}

    shared = {name for name in weights if name.startswith(("embeddings.", "positions"))}
    own = {name for name in weights if name.startswith("rtd_generator.")}
    assert with_gradient(generator_loss) == own | shared
    assert with_gradient(discriminator_loss) == weights.keys() - own


def test_the_logit_is_that_of_class_1():
    logit, targets = np.array([[-2.0], [0.5], [3.0]], "float32"), np.array([0, 1, 0], "int32")
    sums = OBJECTIVE.sums(tf.constant(logit), Target(tf.constant(targets), tf.ones(3)))
    signs = np.where(targets == 1, -1, 1) * logit[:, 0]
    np.testing.assert_allclose(sums["loss"], np.log1p(np.exp(signs)).sum(), rtol=1e-5)
    assert float(sums["correct"]) == 2


def test_the_saved_model_has_no_generator(built):
    model = built[0].model
    assert set(model.output) == {"sequence_output", "rtd"}
    assert {tensor.name for tensor in model.inputs} == {"token_ids", "padding_mask", "segment_ids"}
    assert not [weight.path for weight in model.weights if "generator" in weight.path]


def test_tokens_are_sampled_with_their_probabilities():
    logits = np.log(np.array([0.5, 0.2, 0.0001, 0.2999], "float32"))
    draws = np.random.default_rng(0).integers(NUM_LEVELS, size=(1, 20_000)).astype("int32")
    samples = np.asarray(sample_classes(np.tile(logits, (1, 20_000, 1)), draws))
    frequencies = np.bincount(samples[0], minlength=4) / 20_000
    np.testing.assert_allclose(frequencies, [0.5, 0.2, 0.0, 0.3], atol=0.01)


def test_the_smallest_and_largest_number_sample_the_first_and_last_token():
    logits = np.zeros((1, 2, 30_000), "float32")
    samples = np.asarray(sample_classes(logits, np.array([[0, NUM_LEVELS - 1]], "int32")))
    assert samples.tolist() == [[0, 29_999]]


def test_the_generator_has_smaller_layers_than_the_model(built):
    stack = built[0].architecture.encoder
    small = stack.scaled(OBJECTIVE.size_fraction)
    assert (small.attention.num_heads, small.feed_forward.intermediate_dim) == (1, 6)
    assert small.num_layers == stack.num_layers
    widths = {weight.path: tuple(weight.shape) for weight in built[1].weights}
    assert widths["rtd_generator.projection/kernel"] == (8, 4)
    assert widths["rtd_generator.transform/kernel"] == (4, 8)


def test_a_third_can_be_written_with_three_digits():
    third = ReplacedTokenDetection(type="replaced_token_detection", generator_size=0.333)
    assert str(third.size_fraction) == "1/3"


@pytest.mark.parametrize(
    ("create_spec", "settings", "message"),
    [
        (small_run.bert, {}, r"generator_size: 1/4 of num_heads \(2\) must be a whole number"),
        (
            small_run.transformer,
            {"generator_size": 0.5},
            "needs a model with an encoder and no decoder",
        ),
    ],
)
def test_an_unsuitable_model_is_rejected(create_spec, settings, message, tmp_path):
    spec = create_spec(tmp_path)
    spec["objectives"] = {"replaced_token_detection": settings}
    spec["model"].pop("pooler", None)
    with pytest.raises(SpecError, match=message):
        load(small_run.write(spec, tmp_path / "spec.yaml"))


def test_it_cannot_be_combined_with_masked_lm(tmp_path):
    spec = small_run.bert(tmp_path)
    spec["objectives"]["replaced_token_detection"] = {"generator_size": 0.5}
    with pytest.raises(SpecError, match="only one objective can change the input tokens"):
        load(small_run.write(spec, tmp_path / "spec.yaml"))


def test_a_tokenizer_without_a_mask_token_is_rejected():
    with pytest.raises(UserError, match="needs a tokenizer with a mask token"):
        OBJECTIVE.check_vocabulary(SimpleNamespace(mask_id=None))


def test_packed_examples_have_the_same_outputs_as_alone(built):
    model_graph, graph = built
    _, batch = corrupted(rows=2, length=9)
    packed = {name: array.reshape(1, -1) for name, array in batch.inputs.items()}
    slots = batch.inputs["rtd_generator_slots"]
    shifted = np.where(slots > 0, slots + batch.inputs["rtd_generator_positions"].shape[1], 0)
    packed["rtd_generator_slots"] = np.concatenate([slots[:1], shifted[1:]], axis=1)
    packed["rtd_generator_positions"] = packed["rtd_generator_positions"] + np.repeat([0, 9], 2)
    packed["packing_ids"] = np.repeat([[1, 2]], 9, axis=1)
    packed["packing_positions"] = np.tile(np.arange(9), 2)[None]
    generator = OBJECTIVE.build_generator(keras.layers, "rtd", model_graph.backbone)
    packed_graph = model_graph.build_model(packed=True, generators=[generator])
    weights = {weight.path: weight for weight in graph.weights}
    for weight in packed_graph.weights:
        weight.assign(weights[weight.path])
    expected, outputs = run(graph, batch.inputs), run(packed_graph, packed)
    for name in ("rtd", "rtd_generator_token_ids", "rtd_generator"):
        alone = np.asarray(expected[name]).reshape(np.asarray(outputs[name]).shape)
        np.testing.assert_allclose(alone, outputs[name], atol=1e-5, rtol=1e-5)


def test_a_run_trains_and_its_model_can_be_loaded(tmp_path):
    spec = small_run.bert(tmp_path, steps=4)
    spec["model"].pop("pooler")
    spec["objectives"] = {"replaced_token_detection": {"generator_size": 0.5}}
    experiment = load(small_run.write(spec, tmp_path / "spec.yaml"))
    metrics = experiment.train(tmp_path / "run")
    model = keras.saving.load_model(tmp_path / "run" / "model.keras")
    assert set(model.output) == {"sequence_output", "replaced_token_detection"}
    expected = (
        metrics["replaced_token_detection_generator_loss"]
        + 50 * metrics["replaced_token_detection_loss"]
    )
    assert metrics["loss"] == pytest.approx(expected)
