"""What the parts of a spec must agree on, and none of them can know by itself."""

from collections.abc import Iterator
from typing import Any

from archbuilder.inference.samples import SHOWN
from archbuilder.language import Mistake, under
from archbuilder.network.architecture import Architecture
from archbuilder.network.ledger import Ledger
from archbuilder.objectives import deciding, scored
from archbuilder.objectives.name import name_mistakes
from archbuilder.text.data import Data
from archbuilder.training.best import metrics_of
from archbuilder.training.parameters import mistakes as mistakes_of_names
from archbuilder.training.recipe import Training


def mistakes(parts: dict[str, Any]) -> Iterator[Mistake]:
    """Where they do not, by paths from the root; `parts` holds the sound ones by their names."""
    model, objectives = parts.get("model"), parts.get("objectives")
    if model is not None:
        yield from under("model", model.mistakes())
    if objectives is not None:
        yield from _objectives_agree(objectives)
        if not objectives and (parts.get("data") or parts.get("training")):
            yield Mistake(("objectives",), "data and training need at least one objective")
    if model is not None and objectives is not None:
        for name, objective in objectives.items():
            yield from under("objectives", under(name, objective.mistakes(model)))
        pooled = any(objective.pools for objective in objectives.values())
        if model.pooler is not None and objectives and not pooled:
            yield Mistake(
                ("model", "pooler"),
                "no objective reads the pooled vector: it would stay untrained; leave it out",
            )
    data = parts.get("data")
    if model is not None and data is not None:
        yield from _lengths_agree(model, data)
    if objectives and data is not None:
        yield from _corpora_agree(objectives, data)
    tokenizer, training = parts.get("tokenizer"), parts.get("training")
    if objectives and data is not None and tokenizer is not None:
        yield from _sentinels_agree(objectives, data, tokenizer)
    if objectives and training is not None and training.batch.packing:
        yield from _rows_can_be_packed(objectives)
    if objectives and training is not None and training.samples:
        yield from _samples_can_be_shown(objectives, data)
    if model is not None and training is not None:
        yield from under("training", training.mistakes(model))
    if objectives and training is not None:
        yield from _measurements_agree(objectives, training, data)
        yield from _lengths_of_runs_agree(objectives, training)
    if model is not None and objectives and training is not None:
        yield from under("training", _layers_agree(model, objectives, training))
    if model is not None:
        yield from _tokenizers_agree(model, parts)


def counted(model: Architecture, objectives: dict) -> Ledger:
    """Every weight of a model and of the heads on it."""
    ledger = Ledger()
    network = model.build(ledger)
    for name, objective in objectives.items():
        objective.build(ledger, name, network)
    return ledger


def _objectives_agree(objectives: dict) -> Iterator[Mistake]:
    yield from under("objectives", name_mistakes(objectives))
    for does_so, does in (
        (lambda one: one.decides(), "decides already how text becomes examples"),
        (lambda one: one.hides, "hides tokens already"),
    ):
        first, *others = [n for n, one in objectives.items() if does_so(one)] or [None]
        for name in others:
            yield Mistake(("objectives", name), f"'{first}' {does}, and only one objective can")


def _layers_agree(model, objectives: dict, training: Training) -> Iterator[Mistake]:
    if not (training.freeze or training.parameter_groups):
        return
    if any(True for _ in model.mistakes()):
        return
    yield from mistakes_of_names(training, counted(model, objectives).weights)


def _lengths_of_runs_agree(objectives: dict, training: Training) -> Iterator[Mistake]:
    for name, objective in objectives.items():
        weight = objective.weight
        if training.minutes is not None and getattr(weight, "last_step", 0) is None:
            yield Mistake(
                ("objectives", name, "weight"),
                "the number of steps is not known, as training.minutes decides: write last_step",
            )


def _measurements_agree(objectives: dict, training: Training, data) -> Iterator[Mistake]:
    known = metrics_of(scored(objectives))
    if training.best not in known:
        yield Mistake(("training", "best"), f"there is {', '.join(known)}, not {training.best!r}")
    if data is None or data.validation is not None:
        return
    for name in ("early_stopping", "best"):
        if name in training.model_fields_set:
            yield Mistake(("training", name), "nothing is measured: give data.validation")


def _lengths_agree(model: Architecture, data: Data) -> Iterator[Mistake]:
    longest = model.max_sequence_length
    if longest is not None and data.sequence_length > longest:
        yield Mistake(
            ("data", "sequence_length"),
            f"{data.sequence_length} tokens are more than the {longest} that model.positions knows",
        )


def _corpora_agree(objectives: dict, data: Data) -> Iterator[Mistake]:
    kind = deciding(objectives).examples
    for split in ("train", "validation"):
        corpus = getattr(data, split)
        if corpus is not None and corpus.form != kind.form:
            wanted = (
                "pairs, as type: parallel reads" if kind.form == "pairs" else "documents, not pairs"
            )
            yield Mistake(("data", split, "type"), f"these objectives need {wanted}")
    if data.overlong is not None and data.overlong not in kind.overlong:
        choice = ", ".join(kind.overlong)
        yield Mistake(
            ("data", "overlong"),
            f"these objectives' examples cannot be {data.overlong}: choose from {choice}",
        )


def _sentinels_agree(objectives: dict, data: Data, tokenizer) -> Iterator[Mistake]:
    for name, objective in objectives.items():
        needed = objective.sentinels(data.sequence_length)
        if tokenizer.file is None and tokenizer.sentinels < needed:
            yield Mistake(
                ("tokenizer", "sentinels"),
                f"'{name}' leaves out up to {needed - 1} spans of an example, and marks each and "
                f"the end with a token of its own; the tokenizer has {tokenizer.sentinels}: "
                f"write 'sentinels: {needed}'",
            )


def _rows_can_be_packed(objectives: dict) -> Iterator[Mistake]:
    for name, objective in objectives.items():
        if objective.pools:
            yield Mistake(
                ("training", "batch", "packing"),
                f"'{name}' reads one vector a row, and a packed row holds several examples",
            )


def _samples_can_be_shown(objectives: dict, data: Data | None) -> Iterator[Mistake]:
    if not any(objective.type in SHOWN for objective in objectives.values()):
        kinds = " or ".join(SHOWN)
        yield Mistake(("training", "samples"), f"there is nothing to show without {kinds}")
    elif data is not None and data.validation is None:
        yield Mistake(("training", "samples"), "they are taken from data.validation; give it")


def _tokenizers_agree(model: Architecture, parts: dict[str, Any]) -> Iterator[Mistake]:
    own, second = parts.get("target_tokenizer"), model.target_vocabulary_size
    if own is not None and second is None:
        yield Mistake(
            ("target_tokenizer",), "a vocabulary of its own needs model.target_vocabulary_size"
        )
    if second is not None and own is None and parts.get("tokenizer") is not None:
        yield Mistake(
            ("model", "target_vocabulary_size"), "a vocabulary of its own needs target_tokenizer"
        )
