"""Test cases for every variant of every union; a new variant is tested without a change here."""

import typing
from copy import deepcopy
from types import UnionType

from pydantic_core import PydanticUndefined

from archbuilder.network.attention import AnyAttention
from archbuilder.network.attention_positions import AnyAttentionPosition
from archbuilder.network.feed_forward import AnyFeedForward
from archbuilder.network.initializer import AnyInitializer
from archbuilder.network.norm import AnyNorm
from archbuilder.network.pooler import AnyPooler
from archbuilder.network.position import AnyPosition
from archbuilder.network.residual import AnyResidualScaling
from archbuilder.objectives import AnyObjective
from archbuilder.text.corpus import Corpus
from archbuilder.text.tokenizer import Tokenizer
from archbuilder.tracking import Tracker
from archbuilder.training.recipe.distribution import Distribution
from archbuilder.training.recipe.optimizer import Optimizer
from archbuilder.training.recipe.schedule import Schedule
from archbuilder.training.recipe.weight_averaging import WeightAveraging

# The unions of the network by their paths in a spec; those of the encoder are also the decoder's.
NETWORK = {
    "model.positions": AnyPosition,
    "model.initializer": AnyInitializer,
    "model.pooler": AnyPooler,
    "model.encoder.attention": AnyAttention,
    "model.encoder.attention.positions": AnyAttentionPosition,
    "model.encoder.feed_forward": AnyFeedForward,
    "model.encoder.norm": AnyNorm,
    "model.encoder.residual_scaling": AnyResidualScaling,
}
OTHER = {
    "objectives": AnyObjective,
    "tokenizer": Tokenizer,
    "data.train": Corpus,
    "training.optimizer": Optimizer,
    "training.learning_rate": Schedule,
    "training.distribution": Distribution,
    "training.weight_averaging": WeightAveraging,
    "training.trackers": Tracker,
}

# A value for each required field of a variant.
SAMPLES = {
    "num_heads": 2,
    "intermediate_dim": 12,
    "activation": "relu",
    "max_sequence_length": 32,
    "max_distance": 3,
    "num_experts": 4,
    "num_experts_per_token": 2,
    "expert": {"type": "mlp", "intermediate_dim": 12, "activation": "relu"},
    "rate": 0.001,
    "peak": 0.001,
    "warmup_steps": 10,
    "weight_decay": 0.01,
    "decay_steps": 5,
    "shards": 2,
    "algorithm": "bpe",
    "files": ["text.txt"],
    "source": "source.txt",
    "target": "target.txt",
    "path": "./table",
    "corpora": [{"corpus": {"type": "documents", "files": ["text.txt"]}}],
}
# Other settings that a variant needs, such as one of several fields.
CHOICES = {kind: {"text": "text"} for kind in ("tsv", "csv", "jsonl", "parquet", "hugging_face")}
CHOICES["replaced_token_detection"] = {"generator_size": 0.5}


def classes(union) -> list[type]:
    """Return the variants of a union, in order."""
    if typing.get_origin(union) is typing.Annotated:
        return classes(typing.get_args(union)[0])
    if isinstance(union, UnionType) or typing.get_origin(union) is typing.Union:
        return [variant for member in typing.get_args(union) for variant in classes(member)]
    return [union]


def minimal(variant: type) -> dict:
    """Return the shortest settings of a variant."""
    required = [
        name
        for name, field in variant.model_fields.items()
        if name != "type" and field.default is PydanticUndefined
    ]
    kind = typing.get_args(variant.model_fields["type"].annotation)[0]
    return {"type": kind} | {name: SAMPLES[name] for name in required} | CHOICES.get(kind, {})


def table(unions: dict) -> list[tuple[str, type]]:
    """Return (path, variant) for every variant of the unions, which are given by path."""
    return [(path, variant) for path, union in unions.items() for variant in classes(union)]


def case_id(case: tuple[str, type]) -> str:
    """Return the name of a case in the test report."""
    return f"{case[0]}-{case[1].__name__}"


def tiny(decoder: bool) -> dict:
    """Return a spec of two layers, as plain data: an encoder, or an encoder and a decoder."""
    stack = {
        "num_layers": 2,
        "attention": {"type": "multi_head", "num_heads": 2, "dropout": 0.1},
        "feed_forward": {"type": "mlp", "intermediate_dim": 12, "activation": "gelu"},
        "norm": {"type": "layer_norm"},
        "dropout": 0.1,
    }
    model = {
        "hidden_dim": 8,
        "vocabulary_size": 23,
        "embeddings": {"tie": "all", "scale": True, "dropout": 0.1},
        "positions": {"type": "sinusoidal"},
        "encoder": stack,
        "decoder": deepcopy(stack),
        "initializer": {"type": "truncated_normal", "stddev": 0.5},
    }
    objectives = {"sequence_to_sequence": {"type": "sequence_to_sequence"}}
    if not decoder:
        del model["decoder"]
        model["embeddings"] = {"tie": "output", "num_segments": 2, "dropout": 0.1}
        model["pooler"] = {"type": "first_token"}
        objectives = {kind: {"type": kind} for kind in ("masked_lm", "next_sentence")}
    return {"name": "tiny", "model": model, "objectives": objectives}


def with_variant(path: str, variant: type, decoder: bool) -> dict:
    """Return the tiny spec with a variant at `path`, in both stacks if there are two."""
    spec = tiny(decoder)
    _, *parents, last = path.split(".")
    stacks = [parents, ["decoder", *parents[1:]]] if parents and decoder else [parents]
    for keys in stacks:
        section = spec["model"]
        for key in keys:
            section = section[key]
        section[last] = minimal(variant)
    return spec
