"""Settings of a network that are not valid or have no effect are reported with their path."""

import pytest

from archbuilder.experiment import Experiment
from tests.variants import tiny

EXPERTS = {
    "type": "mixture_of_experts",
    "num_experts": 2,
    "num_experts_per_token": 2,
    "expert": {"type": "mlp", "intermediate_dim": 4, "activation": "relu"},
}
LLAMA3 = {
    "type": "llama3",
    "factor": 2.0,
    "high_frequency_factor": 1.0,
    "original_max_sequence_length": 8,
}
CROSS = {"type": "multi_head", "num_heads": 2}
CASES = [
    ("encoder", "encoder.attention.num_heads", 3, "num_heads (3) must divide hidden_dim (8)"),
    (
        "encoder",
        "encoder.attention.num_key_value_heads",
        3,
        "num_key_value_heads (3) must divide num_heads (2)",
    ),
    (
        "encoder",
        "encoder.attention.positions",
        {"type": "t5", "max_distance": 16},
        "max_distance: 16 must be more than half of num_buckets (32)",
    ),
    (
        "encoder",
        "encoder.attention.positions",
        {"type": "rotary", "rotary_percentage": 0.3},
        "rotary_percentage: rotates 1.2 of 4 channels per head; the number must be even",
    ),
    (
        "encoder",
        "encoder.attention.positions",
        {"type": "rotary", "scaling": LLAMA3},
        "scaling.high_frequency_factor: must be greater than low_frequency_factor (1), not 1",
    ),
    (
        "encoder",
        "encoder.feed_forward",
        EXPERTS,
        "num_experts_per_token: must be less than num_experts (2)",
    ),
    (
        "encoder",
        "encoder.cross_attention",
        CROSS,
        "has no effect in a model without encoder and decoder; remove it",
    ),
    (
        "both",
        "decoder.cross_attention",
        CROSS | {"sliding_window_size": 2},
        "sliding_window_size: has no effect in cross-attention; remove it",
    ),
    (
        "both",
        "decoder.cross_attention",
        CROSS | {"positions": {"type": "alibi"}},
        "positions: has no effect in cross-attention; remove it",
    ),
    (
        "both",
        "decoder.parallel",
        True,
        "cannot be used with cross-attention, which reads the output of attention",
    ),
    (
        "encoder",
        "encoder.skip_first_norm",
        True,
        "has no effect for norm_placement: post; remove it",
    ),
    (
        "encoder",
        "encoder.num_layer_groups",
        3,
        "num_layer_groups (3) must divide num_layers (2)",
    ),
    (
        "encoder",
        "embeddings.tie",
        "input",
        "shares the tables of two stacks, and there is no decoder; write 'none'",
    ),
    ("both", "embeddings.scale_output", True, None),
    ("both", "embeddings.output_bias", True, None),
    (
        "encoder",
        "embeddings.output_bias",
        True,
        "has no effect without a decoder; the head of masked_lm has its own bias",
    ),
    ("both", "embeddings.tie", "input", None),
    (
        "both",
        "embeddings.embedding_dim",
        4,
        "cannot be combined with a tied output in a decoder, whose output has width hidden_dim",
    ),
    (
        "encoder",
        "embeddings.embedding_dim",
        5,
        "must be even for sinusoidal positions, not 5",
    ),
    (
        "alone",
        "target_vocabulary_size",
        9,
        "has no effect without an encoder; set vocabulary_size instead",
    ),
    (
        "alone",
        "embeddings.tie",
        "all",
        "shares the tables of two stacks, and there is no encoder; write 'output'",
    ),
]


def spec(shape):
    settings = tiny(decoder=shape == "both")
    model = settings["model"]
    model["positions"] = {"type": "sinusoidal"}
    if shape == "alone":
        model["decoder"] = model.pop("encoder")
        del model["pooler"]
        model["embeddings"] = {"tie": "output"}
        settings["objectives"] = {"causal_lm": {"type": "causal_lm"}}
    return settings


def problems(settings):
    experiment = Experiment.model_validate(settings)
    sections = {"model": experiment.model, "objectives": experiment.objectives}
    return list(Experiment.problems(sections))


def changed(shape, path, value):
    settings = spec(shape)
    *parents, last = path.split(".")
    section = settings["model"]
    for key in parents:
        section = section[key]
    section[last] = value
    return settings


@pytest.mark.parametrize("shape", ["encoder", "both", "alone"])
def test_the_unchanged_specs_are_valid(shape):
    assert problems(spec(shape)) == []


@pytest.mark.parametrize(("shape", "path", "value", "sentence"), CASES)
def test_a_combination_is_valid_or_reported_with_its_path(shape, path, value, sentence):
    reported = problems(changed(shape, path, value))
    if sentence is None:
        assert reported == []
        return
    (problem,) = reported
    field = sentence.partition(": ")[0] if isinstance(value, dict) and ": " in sentence else ""
    full_path = f"model.{path}" + (f".{field}" if field else "")
    if field:
        sentence = sentence.removeprefix(f"{field}: ")
    assert (".".join(problem.path), problem.message) == (full_path, sentence)


@pytest.mark.parametrize(
    ("shape", "stack", "window", "is_valid"),
    [
        ("encoder", "encoder", 29, True),
        ("encoder", "encoder", 30, False),
        ("alone", "decoder", 15, True),
        ("alone", "decoder", 16, False),
    ],
)
def test_a_window_without_effect_is_rejected(shape, stack, window, is_valid):
    settings = changed(shape, f"{stack}.attention.sliding_window_size", window)
    settings["model"]["positions"] = {"type": "learned", "max_sequence_length": 16}
    assert [problem.message for problem in problems(settings)] == (
        [] if is_valid else [f"{window} has no effect on sequences of at most 16 tokens; remove it"]
    )


def test_a_model_without_stacks_is_rejected():
    settings = spec("encoder")
    del settings["model"]["encoder"], settings["model"]["pooler"]
    sentences = [problem.message for problem in problems(settings)]
    assert "a model needs an encoder, a decoder, or both; this one has neither" in sentences
