"""Every field of every objective has an effect: on batches, on what is drawn, or on the loss."""

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
from archbuilder.objectives.selection import Spans
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
# For each objective, another value of each of its fields; and of parts of it.
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
PARTS = [
    ("mask_selection", SPANS, {"geometric_p": 0.9, "max_span_words": 2}),
    ("weight", LINEAR, {"first": 0.2, "last": 0.7, "first_step": 10, "last_step": 20}),
]
KINDS = {minimal(kind)["type"]: kind for kind in classes(AnyObjective)}
CASES = [
    *(
        (kind, {}, {field: value})
        for kind, changes in CHANGES.items()
        for field, value in {"weight": 2.0, **changes}.items()
    ),
    *(
        ("masked_lm", {part: settings}, {part: settings | {field: value}})
        for part, settings, changes in PARTS
        for field, value in changes.items()
    ),
]


def documents():
    """Six documents of four sentences of five to eight tokens."""
    lengths = [5 + place % 4 for place in range(24)]
    ids = FIRST + np.arange(sum(lengths))
    return document_tokens(ids, np.cumsum([0, *lengths]), np.arange(0, 25, 4))


def pairs():
    """Six pairs of five to eight tokens each."""
    offsets = np.cumsum([0, 5, 6, 7, 8, 5, 6])
    ids = FIRST + np.arange(offsets[-1])
    return pair_tokens(RaggedText(ids, offsets), RaggedText(ids, offsets))


def batches(objective) -> str:
    """Three batches of 30 tokens a row."""
    text = pairs() if "source" in objective.examples.needs else documents()
    limits = Limits(30, objective.examples.overlong[0])
    both = (VOCABULARY, VOCABULARY)
    examples = objective.make_examples(text, both, limits)
    budget = BatchSize(tokens=None, rows=4, max_length=30)
    losses = {objective.type: objective}
    found = Batches([(1.0, examples)], losses, both, budget, seed=0, inputs=INPUTS)
    return str([found[n].map_arrays(lambda array: array.tolist()) for n in range(3)])


def scored(objective) -> str:
    """What its losses are multiplied by at some steps, and its loss on fixed logits."""
    steps = (1, 5, 15, 25, 40)
    weights = [loss_weights({"x": objective}, step, 40) for step in steps]
    target = Target(np.array([1, 0], "int32"), np.ones(2, "float32"))
    one_logit = objective.head_type == "replaced_token_detection"
    sums = objective.sums(LOGITS[:, :1] if one_logit else LOGITS, target)
    return str((weights, {name: float(value) for name, value in sums.items()}))


@cache
def drawn(objective) -> str:
    """The graph that is trained."""
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


@pytest.mark.parametrize(("kind", "settings", "changed"), CASES)
def test_a_field_that_is_changed_changes_something(kind, settings, changed):
    plain = minimal(KINDS[kind]) | settings
    before, after = (KINDS[kind].model_validate(one) for one in (plain, plain | changed))
    assert before != after
    looks = (scored, batches, drawn)
    assert any(look(before) != look(after) for look in looks)


def test_the_same_objective_does_the_same():
    one, same = (KINDS["masked_lm"].model_validate({"type": "masked_lm"}) for _ in range(2))
    for look in (scored, batches):
        assert look(one) == look(same)
    first = drawn(one)
    drawn.cache_clear()
    assert drawn(same) == first


def test_no_field_is_left_out():
    for name, kind in KINDS.items():
        assert {"type", "weight", *CHANGES[name]} == set(kind.model_fields)
    for part, (_, _, changes) in zip((Spans, LinearWeight), PARTS, strict=True):
        assert {"type", *changes} == set(part.model_fields)
