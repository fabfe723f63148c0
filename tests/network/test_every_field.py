"""Every field of the network changes the graph, the weights or their initializers."""

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
ATTENTION_POSITIONS = f"{ATTENTION}.positions"
FEED_FORWARD = "encoder.feed_forward"
# The path of a section, its settings, and another value for each of its fields.
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
        ATTENTION_POSITIONS,
        {"type": "rotary"},
        {
            "max_wavelength": 10.0,
            "rotary_percentage": 0.5,
            "layout": "interleaved",
            "scaling": LINEAR,
        },
    ),
    (f"{ATTENTION_POSITIONS}.scaling", LINEAR, {"factor": 3.0}),
    (
        f"{ATTENTION_POSITIONS}.scaling",
        LLAMA3,
        {
            "factor": 4.0,
            "low_frequency_factor": 2.0,
            "high_frequency_factor": 5.0,
            "original_max_sequence_length": 32,
        },
    ),
    (ATTENTION_POSITIONS, {"type": "t5"}, {"num_buckets": 16, "max_distance": 64}),
    (ATTENTION_POSITIONS, {"type": "shaw", "max_distance": 3}, {"max_distance": 4, "values": True}),
    (
        FEED_FORWARD,
        MLP,
        {"intermediate_dim": 10, "activation": "gelu", "use_bias": False, "dropout": 0.1},
    ),
    (
        FEED_FORWARD,
        GATED,
        {"intermediate_dim": 10, "activation": "gelu", "use_bias": False, "dropout": 0.1},
    ),
    (
        FEED_FORWARD,
        EXPERTS,
        {
            "num_experts": 5,
            "num_experts_per_token": 1,
            "expert": GATED,
            "shared_expert": MLP,
            "load_balancing_loss_weight": 0.5,
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
    pytest.param(both, path, settings, field, value, id=f"{path}.{field}-{settings.get('type')}")
    for both, table in ((False, ENCODER), (True, BOTH))
    for path, settings, changes in table
    for field, value in changes.items()
]


def spec_with(both: bool, path: str, settings: dict) -> dict:
    """Return the tiny spec, in which the section at `path` also has these settings."""
    spec = tiny(both)
    if both:
        spec["model"]["embeddings"]["tie"] = "output"
    *parents, last = ["model", *filter(None, path.split("."))]
    section = spec
    for key in parents:
        section = section.setdefault(key, {"type": "rotary"})  # The section that has scaling.
    old = section.get(last) or {}
    same_type = settings.get("type", old.get("type")) == old.get("type")
    section[last] = old | settings if same_type else settings
    if spec["model"].get("pooler") is None and not both:
        spec["objectives"].pop("next_sentence")
    return spec


@cache
def built(text: str) -> str:
    """Return the layers and operations of the model of a spec, with their settings."""
    keras.utils.clear_session()
    model = Experiment.model_validate(json.loads(text)).build()
    return json.dumps(model.get_config(), default=str)


@pytest.mark.parametrize(("both", "path", "settings", "field", "value"), CASES)
def test_another_value_of_a_field_changes_the_model(both, path, settings, field, value):
    before = spec_with(both, path, settings)
    old = getattr(config_at(before, path), field)
    after = spec_with(both, path, settings | {field: merged(old, value)})
    if weight_shapes(before) == weight_shapes(after):
        assert built(json.dumps(before)) != built(json.dumps(after))


def weight_shapes(spec: dict) -> dict:
    return Experiment.model_validate(spec).parameter_counter().weights


def merged(old, value):
    """Return the value, or for a section without a type, the old settings with the value."""
    if isinstance(value, dict) and "type" not in value and isinstance(old, Spec):
        return old.model_dump(mode="json", exclude_none=True) | value
    return value


def config_at(spec: dict, path: str) -> Spec:
    config = Experiment.model_validate(spec).model
    for key in filter(None, path.split(".")):
        config = getattr(config, key)
    return config


def test_the_same_spec_builds_the_same_model():
    text = json.dumps(tiny(decoder=False))
    first = built(text)
    built.cache_clear()
    assert built(text) == first


def test_all_fields_are_tested():
    tested = set()
    for both, table in ((False, ENCODER), (True, BOTH)):
        for path, settings, changes in table:
            config = type(config_at(spec_with(both, path, settings), path))
            tested |= {(config.__name__, field) for field in changes}
    fields = {
        (config, field) for config in configs(BackboneConfig) for field in config.model_fields
    }
    missing = {(config.__name__, field) for config, field in fields if field != "type"} - tested
    assert missing == {("BackboneConfig", "decoder")}  # The cases of BOTH have a decoder.
    assert len(fields) > 80


def configs(root: type[Spec]) -> set[type[Spec]]:
    """Return the classes of all sections of a spec of class `root`, including `root`."""
    visited, pending = set(), [root]
    while pending:
        config = pending.pop()
        if config in visited:
            continue
        visited.add(config)
        for field in config.model_fields.values():
            pending += specs_in([field.annotation, *field.metadata])
    return visited


def specs_in(annotations: list) -> list[type[Spec]]:
    specs = []
    for annotation in annotations:
        if isinstance(annotation, type) and issubclass(annotation, Spec):
            specs.append(annotation)
        specs += specs_in(list(getattr(annotation, "__args__", ())))
        specs += specs_in(list(getattr(annotation, "__metadata__", ())))
    return specs
