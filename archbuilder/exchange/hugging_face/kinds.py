"""The architectures of Hugging Face's that are known, by the `model_type` of their files."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from archbuilder.exchange.hugging_face import decoders, encoder_decoders, encoders
from archbuilder.exchange.hugging_face.config import Config
from archbuilder.network.backbone import BackboneConfig

Heads = dict[str, Any]
"""By the type of an objective, its settings. What writes after reading is sequence to sequence."""


@dataclass(frozen=True)
class Kind:
    """What is known of one."""

    read: Callable[[Config], tuple[dict, Heads]]
    """A plain model, and the plain settings of all heads that it may have, from a configuration."""
    write: Callable[[BackboneConfig, Heads], dict[str, Any]]
    """A configuration; what it cannot say of the model is not in it."""
    classes: dict[tuple[str, ...], str]
    """By the heads, the class that has them."""


def _kind(module, name: str, classes: dict[tuple[str, ...], str]) -> Kind:
    return Kind(getattr(module, name), getattr(module, f"{name}_config"), classes)


def _encoder(name: str, stem: str, more: dict[tuple[str, ...], str] | None = None) -> Kind:
    usual = {(): f"{stem}Model", ("masked_lm",): f"{stem}ForMaskedLM"}
    return _kind(encoders, name, usual | (more or {}))


_BERT = {
    ("masked_lm", "next_sentence"): "BertForPreTraining",
    ("next_sentence",): "BertForNextSentencePrediction",
}
_ALBERT = {("masked_lm", "sentence_order"): "AlbertForPreTraining"}
_ELECTRA = {("replaced_token_detection",): "ElectraForPreTraining"}

ENCODERS = {
    "bert": _encoder("bert", "Bert", _BERT),
    "roberta": _encoder("roberta", "Roberta"),
    "distilbert": _encoder("distilbert", "DistilBert"),
    "electra": _encoder("electra", "Electra", _ELECTRA),
    "albert": _encoder("albert", "Albert", _ALBERT),
    "modernbert": _encoder("modernbert", "ModernBert"),
}
ENCODER_DECODERS = {
    name: _kind(encoder_decoders, name, {("sequence_to_sequence",): which})
    for name, which in (
        ("t5", "T5ForConditionalGeneration"),
        ("bart", "BartForConditionalGeneration"),
        ("marian", "MarianMTModel"),
    )
}
DECODERS = {
    name: _kind(decoders, name, {("causal_lm",): which})
    for name, which in (("gpt2", "GPT2LMHeadModel"), ("llama", "LlamaForCausalLM"))
}
KINDS = ENCODERS | ENCODER_DECODERS | DECODERS


def candidates(model: BackboneConfig) -> dict[str, Kind]:
    """Those that have the stacks that a model has."""
    if model.is_encoder_decoder:
        return ENCODER_DECODERS
    return DECODERS if model.encoder is None else ENCODERS
