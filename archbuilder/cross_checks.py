"""Checks that involve several sections of a spec."""

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


def problems(sections: dict[str, Any]) -> Iterator[Problem]:
    """Yield the problems that involve several sections, at paths from the root of the spec.

    Args:
        sections: Valid top-level fields of the spec, by name.
    """
    model: BackboneConfig | None = sections.get("model")
    objectives: dict[str, Objective] | None = sections.get("objectives")
    data: Data | None = sections.get("data")
    training: Training | None = sections.get("training")
    if model is not None:
        yield from at_key("model", model.problems())
    if objectives is not None:
        yield from _objective_problems(objectives)
        if not objectives and (data or training):
            yield Problem(("objectives",), "data and training need at least one objective")
    if model is not None and objectives is not None:
        yield from _head_problems(model, objectives)
    if model is not None and data is not None:
        yield from _length_problems(model, data)
    if objectives and data is not None:
        yield from _corpus_problems(objectives, data)
        if sections.get("tokenizer") is not None:
            yield from _sentinel_problems(objectives, data, sections["tokenizer"])
    if training is not None:
        yield from _training_problems(training, model, objectives, data)
    if model is not None:
        yield from _tokenizer_problems(model, sections)


def _training_problems(
    training: Training,
    model: BackboneConfig | None,
    objectives: dict[str, Objective] | None,
    data: Data | None,
) -> Iterator[Problem]:
    if objectives and training.batch.packing:
        yield from _packing_problems(objectives)
    if objectives and training.show_predictions:
        yield from _show_predictions_problems(objectives, data)
    if model is not None:
        yield from at_key("training", training.problems(model))
    if objectives:
        yield from _evaluation_problems(objectives, training, data)
        yield from _loss_weight_problems(objectives, training)
    if model is not None and objectives is not None:
        yield from at_key("training", _layer_pattern_problems(model, objectives, training))


def _head_problems(model: BackboneConfig, objectives: dict[str, Objective]) -> Iterator[Problem]:
    for name, objective in objectives.items():
        yield from at_key("objectives", at_key(name, objective.problems(model)))
    pooled = any(objective.needs_pooled_output for objective in objectives.values())
    if model.pooler is not None and objectives and not pooled:
        yield Problem(
            ("model", "pooler"),
            "has no effect, as no objective reads the pooled output; remove it",
        )


def _objective_problems(objectives: dict[str, Objective]) -> Iterator[Problem]:
    yield from at_key("objectives", name_problems(objectives))
    exclusive = (
        (lambda objective: objective.owns_examples(), "determine the examples"),
        (lambda objective: objective.corrupts_inputs, "change the input tokens"),
    )
    for applies, action in exclusive:
        names = [name for name, objective in objectives.items() if applies(objective)]
        for name in names[1:]:
            yield Problem(
                ("objectives", name), f"only one objective can {action}; '{names[0]}' already does"
            )


def _layer_pattern_problems(
    model: BackboneConfig, objectives: dict[str, Objective], training: Training
) -> Iterator[Problem]:
    if not (training.freeze or training.parameter_groups):
        return
    if any(True for _ in model.problems()):
        return
    yield from pattern_problems(training, count_parameters(model, objectives).weights)


def _loss_weight_problems(
    objectives: dict[str, Objective], training: Training
) -> Iterator[Problem]:
    for name, objective in objectives.items():
        weight = objective.weight
        if training.minutes is not None and getattr(weight, "last_step", 0) is None:
            yield Problem(
                ("objectives", name, "weight"),
                "the number of steps is unknown with training.minutes; set last_step",
            )


def _evaluation_problems(
    objectives: dict[str, Objective], training: Training, data: Data | None
) -> Iterator[Problem]:
    metrics = evaluation_metrics(loss_terms(objectives))
    if training.monitor not in metrics:
        yield Problem(
            ("training", "monitor"),
            f"must be one of {', '.join(metrics)}, not {training.monitor!r}",
        )
    if data is None or data.validation is not None:
        return
    for name in ("early_stopping", "monitor"):
        if name in training.model_fields_set:
            yield Problem(("training", name), "needs data.validation, which is missing")


def _length_problems(model: BackboneConfig, data: Data) -> Iterator[Problem]:
    max_length = model.max_sequence_length
    if max_length is not None and data.sequence_length > max_length:
        yield Problem(
            ("data", "sequence_length"),
            f"must be at most {max_length} for model.positions, not {data.sequence_length}",
        )


def _corpus_problems(objectives: dict[str, Objective], data: Data) -> Iterator[Problem]:
    examples = example_objective(objectives).examples
    for split in ("train", "validation"):
        corpus = getattr(data, split)
        missing = corpus and describe_missing_columns(examples.needs, corpus.record_columns())
        if missing:
            yield Problem(("data", split, "type"), f"these objectives need {missing}")
    if data.overlong is not None and data.overlong not in examples.overlong:
        choice = ", ".join(examples.overlong)
        yield Problem(
            ("data", "overlong"),
            f"must be one of {choice} for these objectives, not '{data.overlong}'",
        )


def _sentinel_problems(
    objectives: dict[str, Objective], data: Data, tokenizer: Tokenizer
) -> Iterator[Problem]:
    for name, objective in objectives.items():
        needed = objective.sentinels(data.sequence_length)
        if tokenizer.file is None and tokenizer.sentinels < needed:
            yield Problem(
                ("tokenizer", "sentinels"),
                f"must be at least {needed}, not {tokenizer.sentinels}, as '{name}' marks up to "
                f"{needed - 1} spans of an example, and its end, with one sentinel token each",
            )


def _packing_problems(objectives: dict[str, Objective]) -> Iterator[Problem]:
    for name, objective in objectives.items():
        if objective.needs_pooled_output:
            yield Problem(
                ("training", "batch", "packing"),
                f"cannot be used with '{name}', which reads one pooled output per row",
            )


def _show_predictions_problems(
    objectives: dict[str, Objective], data: Data | None
) -> Iterator[Problem]:
    if not any(objective.shows_predictions for objective in objectives.values()):
        types = " or ".join(
            type_name
            for variant in get_args(AnyObjective)
            if variant.shows_predictions
            for type_name in type_names(variant)
        )
        yield Problem(("training", "show_predictions"), f"needs an objective of type {types}")
    elif data is not None and data.validation is None:
        yield Problem(
            ("training", "show_predictions"), "shows examples of data.validation, which is missing"
        )


def _tokenizer_problems(model: BackboneConfig, sections: dict[str, Any]) -> Iterator[Problem]:
    tokenizer, size = sections.get("target_tokenizer"), model.target_vocabulary_size
    if tokenizer is not None and size is None:
        yield Problem(("target_tokenizer",), "needs model.target_vocabulary_size, which is missing")
    if size is not None and tokenizer is None and sections.get("tokenizer") is not None:
        yield Problem(
            ("model", "target_vocabulary_size"), "needs target_tokenizer, which is missing"
        )
