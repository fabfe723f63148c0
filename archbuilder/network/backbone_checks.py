"""Checks that involve several fields of a backbone."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from archbuilder.language import Problem, at_key
from archbuilder.network.position import SinusoidalConfig

if TYPE_CHECKING:
    from archbuilder.network.backbone import BackboneConfig

_ONE_VOCABULARY = {
    "decoder": "has no effect without a decoder; remove it",
    "encoder": "has no effect without an encoder; set vocabulary_size instead",
}


def problems(config: "BackboneConfig") -> Iterator[Problem]:
    """Yield the problems that involve several fields, at paths within the backbone."""
    if config.encoder is None and config.decoder is None:
        yield Problem((), "a model needs an encoder, a decoder, or both; this one has neither")
    for side, stack in (("encoder", config.encoder), ("decoder", config.decoder)):
        if stack is not None:
            yield from at_key(side, stack.problems(config.layer_context(side)))
    yield from at_key("embeddings", _embedding_problems(config))
    yield from _position_problems(config)
    if config.target_vocabulary_size is not None and not config.is_encoder_decoder:
        yield Problem(("target_vocabulary_size",), _ONE_VOCABULARY[_missing_stack(config)])
    if config.decoder is not None and config.pooler is not None:
        yield Problem(("pooler",), "has no effect in a model with a decoder; remove it")


def _missing_stack(config: "BackboneConfig") -> str:
    return "decoder" if config.decoder is None else "encoder"


def _position_problems(config: "BackboneConfig") -> Iterator[Problem]:
    own_width = config.embeddings.embedding_dim
    width = own_width or config.hidden_dim
    if isinstance(config.positions, SinusoidalConfig) and width % 2:
        path = ("embeddings", "embedding_dim") if own_width else ("hidden_dim",)
        yield Problem(path, f"must be even for sinusoidal positions, not {width}")


def _embedding_problems(config: "BackboneConfig") -> Iterator[Problem]:
    embeddings, has_decoder = config.embeddings, config.decoder is not None
    if embeddings.ties_input and not config.is_encoder_decoder:
        instead = "output" if embeddings.tie == "all" else "none"
        yield Problem(
            ("tie",),
            f"shares the tables of two stacks, and there is no {_missing_stack(config)}; "
            f"write '{instead}'",
        )
    if embeddings.ties_input and config.target_vocabulary_size is not None:
        instead = "'output' or 'none'" if embeddings.tie == "all" else "'none'"
        yield Problem(("tie",), f"two vocabularies cannot share one table; write {instead}")
    if embeddings.scale_output and not embeddings.ties_output:
        yield Problem(
            ("scale_output",),
            "has no effect unless the output is tied; set tie to 'output' or 'all'",
        )
    if embeddings.output_bias and not has_decoder:
        yield Problem(
            ("output_bias",),
            "has no effect without a decoder; the head of masked_lm has its own bias",
        )
    if embeddings.embedding_dim and embeddings.ties_output and has_decoder:
        yield Problem(
            ("embedding_dim",),
            "cannot be combined with a tied output in a decoder, whose output has width hidden_dim",
        )
    if embeddings.num_segments and has_decoder:
        yield Problem(
            ("num_segments",),
            "has no effect in a model with a decoder, which reads no sentence pairs; remove it",
        )
