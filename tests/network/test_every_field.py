"""Every field of the network's language has an effect: on the graph, the weights or their start."""

import json
from functools import cache

import keras
import pytest

from archbuilder.experiment import Experiment
from archbuilder.language import Spec
from archbuilder.network.backbone import BackboneConfig
from tests.variants import tiny

pytestmark = pytest.mark.slow

LAYER_NORM = {"type": "layer_norm"}
MLP = {"type": "mlp", "intermediate_dim": 12, "activation": "relu"}
GATED = {"type": "gated", "intermediate_dim": 12, "activation": "silu"}
EXPERTS = {
    "type": "mixture_of_experts",
    "num_experts": 4,
    "num_experts_per_token": 2,
    "expert": MLP,
}
LLAMA3 = {"type": "llama3", "factor": 8.0, "original_max_sequence_length": 64}
LINEAR = {"type": "linear", "factor": 2.0}

ATTENTION = "encoder.attention"
INSIDE = f"{ATTENTION}.positions"
BETWEEN = "encoder.feed_forward"
# Where a part stands, what stands there, and for each of its fields another value.
ENCODER = [
    (
        "",
        {},
        {
            "hidden_dim": 12,
            "vocabulary_size": 29,
            "embeddings": {"tie": "none"},
            "positions": {"type": "none"},
            "pooler": None,
            "initializer": {"type": "t5"},
        },
    ),
    (
        "embeddings",
        {"tie": "output"},
        {
            "tie": "none",
            "embedding_dim": 4,
            "scale": True,
            "scale_output": True,
            "num_segments": 3,
            "norm": LAYER_NORM,
            "dropout": 0.2,
        },
    ),
    ("positions", {"type": "sinusoidal"}, {"max_wavelength": 100.0, "layout": "halves"}),
    (
        "positions",
        {"type": "learned", "max_sequence_length": 16},
        {"max_sequence_length": 20, "offset": 2},
    ),
    ("initializer", {"type": "truncated_normal"}, {"stddev": 0.1, "scale_by_depth": True}),
    ("initializer", {"type": "normal"}, {"stddev": 0.1, "scale_by_depth": True}),
    (
        "encoder",
        {"norm_placement": "pre"},
        {
            "num_layers": 3,
            "num_layer_groups": 1,
            "skip_first_norm": True,
            "final_norm": False,
            "final_dropout": 0.2,
            "overrides": [{"layers": "1", "dropout": 0.5}],
            "attention": {"type": "multi_head", "num_heads": 4},
            "feed_forward": GATED,
            "parallel": True,
            "norm": {"type": "rms_norm"},
            "norm_placement": "post",
            "residual_scaling": {"type": "layer_scale"},
            "dropout": 0.2,
            "stochastic_depth": 0.2,
        },
    ),
    ("encoder.residual_scaling", {"type": "layer_scale"}, {"initial": 0.5}),
    ("encoder.norm", {"type": "layer_norm"}, {"epsilon": 0.1, "use_bias": False}),
    ("encoder.norm", {"type": "rms_norm"}, {"epsilon": 0.1}),
    (
        ATTENTION,
        {"type": "multi_head", "num_heads": 2},
        {
            "num_heads": 4,
            "num_key_value_heads": 1,
            "key_dim": 6,
            "positions": {"type": "alibi"},
            "sliding_window_size": 4,
            "biases": ["query"],
            "query_key_norm": LAYER_NORM,
            "scale": 1.0,
            "logit_soft_cap": 5.0,
            "dropout": 0.3,
        },
    ),
    (
        INSIDE,
        {"type": "rotary"},
        {
            "max_wavelength": 10.0,
            "rotary_percentage": 0.5,
            "layout": "interleaved",
            "scaling": LINEAR,
        },
    ),
    (f"{INSIDE}.scaling", LINEAR, {"factor": 3.0}),
    (
        f"{INSIDE}.scaling",
        LLAMA3,
        {
            "factor": 4.0,
            "low_frequency_factor": 2.0,
            "high_frequency_factor": 5.0,
            "original_max_sequence_length": 32,
        },
    ),
    (INSIDE, {"type": "t5"}, {"num_buckets": 16, "max_distance": 64}),
    (INSIDE, {"type": "shaw", "max_distance": 3}, {"max_distance": 4, "values": True}),
    (
        BETWEEN,
        MLP,
        {"intermediate_dim": 10, "activation": "gelu", "use_bias": False, "dropout": 0.1},
    ),
    (
        BETWEEN,
        GATED,
        {"intermediate_dim": 10, "activation": "gelu", "use_bias": False, "dropout": 0.1},
    ),
    (
        BETWEEN,
        EXPERTS,
        {
            "num_experts": 5,
            "num_experts_per_token": 1,
            "expert": GATED,
            "shared_expert": MLP,
            "load_balancing": 0.5,
        },
    ),
]
BOTH = [
    ("", {}, {"target_vocabulary_size": 19, "encoder": {"num_layers": 1}}),
    ("embeddings", {"tie": "output"}, {"output_bias": True}),
    ("embeddings", {"tie": "none"}, {"output_bias": True}),
    ("decoder", {}, {"cross_attention": {"type": "multi_head", "num_heads": 4}}),
]
CASES = [
    pytest.param(both, place, settings, field, value, id=f"{place}.{field}-{settings.get('type')}")
    for both, table in ((False, ENCODER), (True, BOTH))
    for place, settings, changes in table
    for field, value in changes.items()
]


def spec_with(both: bool, place: str, settings: dict) -> dict:
    """The tiny model, in which the part at `place` has these settings, too."""
    spec = tiny(both)
    if both:
        spec["model"]["embeddings"]["tie"] = "output"
    *path, last = ["model", *filter(None, place.split("."))]
    part = spec
    for step in path:
        part = part.setdefault(step, {"type": "rotary"})  # What scaling stands in.
    below = part.get(last) or {}
    same = settings.get("type", below.get("type")) == below.get("type")
    part[last] = below | settings if same else settings
    if spec["model"].get("pooler") is None and not both:
        spec["objectives"].pop("next_sentence")
    return spec


@cache
def drawn(text: str) -> str:
    """All that a spec draws: layers and operations, with their settings."""
    keras.utils.clear_session()
    model = Experiment.model_validate(json.loads(text)).build()
    return json.dumps(model.get_config(), default=str)


@pytest.mark.parametrize(("both", "place", "settings", "field", "value"), CASES)
def test_a_field_that_is_changed_changes_what_is_drawn(both, place, settings, field, value):
    before = spec_with(both, place, settings)
    old = getattr(part_at(before, place), field)
    after = spec_with(both, place, settings | {field: merged(old, value)})
    if counted(before) == counted(after):  # Else they differ in their weights already.
        assert drawn(json.dumps(before)) != drawn(json.dumps(after))


def counted(spec: dict) -> dict:
    return Experiment.model_validate(spec).parameter_counter().weights


def merged(old, value):
    """The value, or where it is a part without a type, the old part with it."""
    if isinstance(value, dict) and "type" not in value and isinstance(old, Spec):
        return old.model_dump(mode="json", exclude_none=True) | value
    return value


def part_at(spec: dict, place: str) -> Spec:
    found = Experiment.model_validate(spec).model
    for step in filter(None, place.split(".")):
        found = getattr(found, step)
    return found


def test_the_same_spec_draws_the_same():
    text = json.dumps(tiny(decoder=False))
    first = drawn(text)
    drawn.cache_clear()
    assert drawn(text) == first


def test_no_field_is_left_out():
    tried = set()
    for both, table in ((False, ENCODER), (True, BOTH)):
        for place, settings, changes in table:
            part = type(part_at(spec_with(both, place, settings), place))
            tried |= {(part.__name__, field) for field in changes}
    known = {(part, field) for part in parts(BackboneConfig) for field in part.model_fields}
    missing = {(part.__name__, field) for part, field in known if field != "type"} - tried
    assert missing == {("BackboneConfig", "decoder")}  # What the other tests here are about.
    assert len(known) > 80


def parts(root: type[Spec]) -> set[type[Spec]]:
    """The classes that a spec of class `root` may hold, itself included."""
    found, waiting = set(), [root]
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        found.add(one)
        for field in one.model_fields.values():
            waiting += specs_in([field.annotation, *field.metadata])
    return found


def specs_in(annotations: list) -> list[type[Spec]]:
    found = []
    for annotation in annotations:
        if isinstance(annotation, type) and issubclass(annotation, Spec):
            found.append(annotation)
        found += specs_in(list(getattr(annotation, "__args__", ())))
        found += specs_in(list(getattr(annotation, "__metadata__", ())))
    return found
