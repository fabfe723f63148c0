"""Checks that involve several parts of a spec."""

from collections.abc import Iterator
from typing import Any, get_args

from archbuilder.language import Problem, at_key, type_names
from archbuilder.network.backbone import BackboneConfig
from archbuilder.network.parameter_counter import count_parameters
from archbuilder.objectives import (
    AnyObjective,
    Objective,
    evaluation_metrics,
    example_objective,
    loss_terms,
)
from archbuilder.objectives.name import name_problems
from archbuilder.text.data import Data
from archbuilder.text.record import describe_missing_columns
from archbuilder.text.tokenizer import Tokenizer
from archbuilder.training.recipe.parameter_groups import problems as pattern_problems
from archbuilder.training.recipe.recipe import Training


def problems(parts: dict[str, Any]) -> Iterator[Problem]:
    """Yield what the parts of a spec disagree on, by paths from the root.

    Args:
        parts: The valid top-level fields of a spec, by name.
    """
    model: BackboneConfig | None = parts.get("model")
    objectives: dict[str, Objective] | None = parts.get("objectives")
    data: Data | None = parts.get("data")
    training: Training | None = parts.get("training")
    if model is not None:
        yield from at_key("model", model.problems())
    if objectives is not None:
        yield from _objectives_agree(objectives)
        if not objectives and (data or training):
            yield Problem(("objectives",), "data and training need at least one objective")
    if model is not None and objectives is not None:
        yield from _heads_agree(model, objectives)
    if model is not None and data is not None:
        yield from _lengths_agree(model, data)
    if objectives and data is not None:
        yield from _corpora_agree(objectives, data)
        if parts.get("tokenizer") is not None:
            yield from _sentinels_agree(objectives, data, parts["tokenizer"])
    if training is not None:
        yield from _training_agrees(training, model, objectives, data)
    if model is not None:
        yield from _tokenizers_agree(model, parts)


def _training_agrees(
    training: Training,
    model: BackboneConfig | None,
    objectives: dict[str, Objective] | None,
    data: Data | None,
) -> Iterator[Problem]:
    if objectives and training.batch.packing:
        yield from _rows_can_be_packed(objectives)
    if objectives and training.show_predictions:
        yield from _samples_can_be_shown(objectives, data)
    if model is not None:
        yield from at_key("training", training.problems(model))
    if objectives:
        yield from _measurements_agree(objectives, training, data)
        yield from _lengths_of_runs_agree(objectives, training)
    if model is not None and objectives is not None:
        yield from at_key("training", _layers_agree(model, objectives, training))


def _heads_agree(model: BackboneConfig, objectives: dict[str, Objective]) -> Iterator[Problem]:
    for name, objective in objectives.items():
        yield from at_key("objectives", at_key(name, objective.problems(model)))
    pooled = any(objective.needs_pooled_output for objective in objectives.values())
    if model.pooler is not None and objectives and not pooled:
        yield Problem(
            ("model", "pooler"),
            "no objective reads the pooled vector: it would stay untrained; leave it out",
        )


def _objectives_agree(objectives: dict[str, Objective]) -> Iterator[Problem]:
    yield from at_key("objectives", name_problems(objectives))
    for does_so, does in (
        (lambda one: one.owns_examples(), "decides already how text becomes examples"),
        (lambda one: one.corrupts_inputs, "hides tokens already"),
    ):
        names = [name for name, objective in objectives.items() if does_so(objective)]
        for name in names[1:]:
            yield Problem(("objectives", name), f"'{names[0]}' {does}, and only one objective can")


def _layers_agree(
    model: BackboneConfig, objectives: dict[str, Objective], training: Training
) -> Iterator[Problem]:
    if not (training.freeze or training.parameter_groups):
        return
    if any(True for _ in model.problems()):
        return
    yield from pattern_problems(training, count_parameters(model, objectives).weights)


def _lengths_of_runs_agree(
    objectives: dict[str, Objective], training: Training
) -> Iterator[Problem]:
    for name, objective in objectives.items():
        weight = objective.weight
        if training.minutes is not None and getattr(weight, "last_step", 0) is None:
            yield Problem(
                ("objectives", name, "weight"),
                "the number of steps is not known, as training.minutes decides: write last_step",
            )


def _measurements_agree(
    objectives: dict[str, Objective], training: Training, data: Data | None
) -> Iterator[Problem]:
    known = evaluation_metrics(loss_terms(objectives))
    if training.monitor not in known:
        yield Problem(
            ("training", "monitor"), f"must be one of {', '.join(known)}, not {training.monitor!r}"
        )
    if data is None or data.validation is not None:
        return
    for name in ("early_stopping", "monitor"):
        if name in training.model_fields_set:
            yield Problem(("training", name), "nothing is measured: give data.validation")


def _lengths_agree(model: BackboneConfig, data: Data) -> Iterator[Problem]:
    longest = model.max_sequence_length
    if longest is not None and data.sequence_length > longest:
        yield Problem(
            ("data", "sequence_length"),
            f"{data.sequence_length} tokens are more than the {longest} that model.positions knows",
        )


def _corpora_agree(objectives: dict[str, Objective], data: Data) -> Iterator[Problem]:
    kind = example_objective(objectives).examples
    for split in ("train", "validation"):
        corpus = getattr(data, split)
        missing = corpus and describe_missing_columns(kind.needs, corpus.record_columns())
        if missing:
            yield Problem(("data", split, "type"), f"these objectives need {missing}")
    if data.overlong is not None and data.overlong not in kind.overlong:
        choice = ", ".join(kind.overlong)
        yield Problem(
            ("data", "overlong"),
            f"these objectives' examples cannot be {data.overlong}: choose from {choice}",
        )


def _sentinels_agree(
    objectives: dict[str, Objective], data: Data, tokenizer: Tokenizer
) -> Iterator[Problem]:
    for name, objective in objectives.items():
        needed = objective.sentinels(data.sequence_length)
        if tokenizer.file is None and tokenizer.sentinels < needed:
            yield Problem(
                ("tokenizer", "sentinels"),
                f"'{name}' leaves out up to {needed - 1} spans of an example, and marks each and "
                f"the end with a token of its own; the tokenizer has {tokenizer.sentinels}: "
                f"write 'sentinels: {needed}'",
            )


def _rows_can_be_packed(objectives: dict[str, Objective]) -> Iterator[Problem]:
    for name, objective in objectives.items():
        if objective.needs_pooled_output:
            yield Problem(
                ("training", "batch", "packing"),
                f"'{name}' reads one vector a row, and a packed row holds several examples",
            )


def _samples_can_be_shown(objectives: dict[str, Objective], data: Data | None) -> Iterator[Problem]:
    if not any(objective.shows_predictions for objective in objectives.values()):
        kinds = " or ".join(
            type_name
            for variant in get_args(AnyObjective)
            if variant.shows_predictions
            for type_name in type_names(variant)
        )
        yield Problem(("training", "show_predictions"), f"there is nothing to show without {kinds}")
    elif data is not None and data.validation is None:
        yield Problem(
            ("training", "show_predictions"), "shows examples of data.validation, which is missing"
        )


def _tokenizers_agree(model: BackboneConfig, parts: dict[str, Any]) -> Iterator[Problem]:
    own, second = parts.get("target_tokenizer"), model.target_vocabulary_size
    if own is not None and second is None:
        yield Problem(
            ("target_tokenizer",), "a vocabulary of its own needs model.target_vocabulary_size"
        )
    if second is not None and own is None and parts.get("tokenizer") is not None:
        yield Problem(
            ("model", "target_vocabulary_size"), "a vocabulary of its own needs target_tokenizer"
        )
