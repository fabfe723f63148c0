"""Every field of every objective changes the batches, the graph or the loss."""

import json
from functools import cache

import keras
import numpy as np
import pytest

from archbuilder.batches.batch_sampler import BatchSize
from archbuilder.batches.batches import Batches
from archbuilder.experiment import Experiment
from archbuilder.objectives import AnyObjective, loss_weights
from archbuilder.objectives.loss_weight import LinearWeight
from archbuilder.objectives.selection import SpanSelection
from archbuilder.text.batch import TOKEN_SEQUENCES, Target
from archbuilder.text.examples import Limits
from archbuilder.text.token_store import RaggedText
from tests.objectives.test_rates import FIRST, VOCABULARY
from tests.tokens import document_tokens, pair_tokens
from tests.variants import classes, minimal, tiny

pytestmark = pytest.mark.slow

INPUTS = tuple(name for names in TOKEN_SEQUENCES.values() for name in names)
LOGITS = np.array([[1.0, 2.0, 4.0], [0.5, 0.0, 3.0]], "float32")
SPANS = {"type": "spans"}
HEAD = {"activation": "relu", "norm": {"type": "rms_norm"}}
CORRUPTED = {"corruption_rate": 0.4, "mean_span_length": 2.0}
# For each objective and for sections of it, another value of each field.
CHANGES = {
    "masked_lm": {
        "mask_selection": SPANS,
        "mask_selection_rate": 0.3,
        "mask_token_rate": 0.5,
        "random_token_rate": 0.0,
        "mask_selection_length": 3,
        "transform_bias": False,
        **HEAD,
    },
    "next_sentence": {"short_pair_rate": 0.9},
    "sentence_order": {"short_pair_rate": 0.9},
    "replaced_token_detection": {
        "mask_selection_rate": 0.3,
        "mask_selection_length": 3,
        "generator_size": 1.0,
        "discriminator_weight": 10.0,
        **HEAD,
    },
    "causal_lm": {"label_smoothing": 0.1},
    "sequence_to_sequence": {"label_smoothing": 0.1},
    "span_corruption": {"label_smoothing": 0.1, **CORRUPTED},
    "denoising": {"label_smoothing": 0.1, "permute_sentences": False, **CORRUPTED},
}
LINEAR = {"type": "linear", "first": 0.5, "last": 1.0, "last_step": 30}
SECTIONS = [
    ("mask_selection", SPANS, {"geometric_p": 0.9, "max_span_words": 2}),
    ("weight", LINEAR, {"first": 0.2, "last": 0.7, "first_step": 10, "last_step": 20}),
]
CLASSES = {minimal(variant)["type"]: variant for variant in classes(AnyObjective)}
CASES = [
    *(
        (name, {}, {field: value})
        for name, changes in CHANGES.items()
        for field, value in {"weight": 2.0, **changes}.items()
    ),
    *(
        ("masked_lm", {section: settings}, {section: settings | {field: value}})
        for section, settings, changes in SECTIONS
        for field, value in changes.items()
    ),
]


def documents():
    """Return six documents of four sentences of five to eight tokens."""
    lengths = [5 + index % 4 for index in range(24)]
    ids = FIRST + np.arange(sum(lengths))
    return document_tokens(ids, np.cumsum([0, *lengths]), np.arange(0, 25, 4))


def pairs():
    """Return six pairs of texts of five to eight tokens."""
    offsets = np.cumsum([0, 5, 6, 7, 8, 5, 6])
    ids = FIRST + np.arange(offsets[-1])
    return pair_tokens(RaggedText(ids, offsets), RaggedText(ids, offsets))


def batches(objective) -> str:
    """Return three batches with rows of 30 tokens."""
    text = pairs() if "source" in objective.examples.needs else documents()
    limits = Limits(30, objective.examples.overlong[0])
    vocabularies = (VOCABULARY, VOCABULARY)
    examples = objective.make_examples(text, vocabularies, limits)
    budget = BatchSize(tokens=None, rows=4, max_length=30)
    losses = {objective.type: objective}
    epoch = Batches([(1.0, examples)], losses, vocabularies, budget, seed=0, inputs=INPUTS)
    return str([epoch[index].map_arrays(lambda array: array.tolist()) for index in range(3)])


def weights_and_sums(objective) -> str:
    """Return the weights of the losses at some steps, and the sums for fixed logits."""
    steps = (1, 5, 15, 25, 40)
    weights = [loss_weights({"x": objective}, step, 40) for step in steps]
    target = Target(np.array([1, 0], "int32"), np.ones(2, "float32"))
    one_logit = objective.head_type == "replaced_token_detection"
    sums = objective.sums(LOGITS[:, :1] if one_logit else LOGITS, target)
    return str((weights, {name: float(value) for name, value in sums.items()}))


@cache
def graph_config(objective) -> str:
    """Return the config of the training graph."""
    keras.utils.clear_session()
    spec = tiny(decoder=True)
    if objective.type in ("masked_lm", "next_sentence", "sentence_order"):
        spec = tiny(decoder=False)
    elif objective.type == "replaced_token_detection":
        spec = tiny(decoder=False)
        del spec["model"]["pooler"]
    elif objective.type == "causal_lm":
        del spec["model"]["encoder"]
        spec["model"]["embeddings"]["tie"] = "output"
    spec["objectives"] = {objective.type: objective.model_dump(mode="json", exclude_none=True)}
    graph = Experiment.model_validate(spec).model_graph().training_graph()
    return json.dumps(graph.get_config(), default=str)


@pytest.mark.parametrize(("name", "settings", "change"), CASES)
def test_another_value_of_a_field_changes_the_objective(name, settings, change):
    old_settings = minimal(CLASSES[name]) | settings
    before = CLASSES[name].model_validate(old_settings)
    after = CLASSES[name].model_validate(old_settings | change)
    assert before != after
    effects = (weights_and_sums, batches, graph_config)
    assert any(effect(before) != effect(after) for effect in effects)


def test_equal_objectives_have_equal_effects():
    first, second = (CLASSES["masked_lm"].model_validate({"type": "masked_lm"}) for _ in range(2))
    for effect in (weights_and_sums, batches):
        assert effect(first) == effect(second)
    config = graph_config(first)
    graph_config.cache_clear()
    assert graph_config(second) == config


def test_all_fields_are_tested():
    for name, objective in CLASSES.items():
        assert {"type", "weight", *CHANGES[name]} == set(objective.model_fields)
    for section, (_, _, changes) in zip((SpanSelection, LinearWeight), SECTIONS, strict=True):
        assert {"type", *changes} == set(section.model_fields)
