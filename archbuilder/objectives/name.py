"""Checks of the names of objectives, which their layers, inputs, outputs and metrics have too."""

import re
from collections.abc import Iterable, Iterator, Mapping

from archbuilder.language import Problem
from archbuilder.objectives.loss_term import evaluation_metrics
from archbuilder.objectives.metric import LOSS
from archbuilder.objectives.objective import Objective
from archbuilder.text.batch import SEGMENT_IDS, TOKEN_SEQUENCES

STACK_LAYERS = {
    f"{side}{part}" for side in ("", "decoder_") for part in ("embeddings", "positions")
}
INPUT_NAMES = {SEGMENT_IDS, *(name for names in TOKEN_SEQUENCES.values() for name in names)}
LAYER_NAMES = {*STACK_LAYERS, "encoder", "decoder", "pooler", "output", *INPUT_NAMES}
"""Names of the layers of a backbone, including its inputs."""
OUTPUT_NAMES = {"sequence_output", "pooled_output", "decoder_sequence_output", "load_balancing"}
"""Names of the outputs of a backbone."""


def name_problems(objectives: Mapping[str, Objective]) -> Iterator[Problem]:
    """Yield a problem for each name that is not valid or is already used in a graph or a run."""
    for name, objective in objectives.items():
        owner = next((other for other in objectives if _uses(other, name, objectives)), None)
        if not re.fullmatch("[a-z][a-z0-9_]*", name):
            sentence = "must be a lowercase letter, and then lowercase letters, digits and '_'"
        elif name in LAYER_NAMES | OUTPUT_NAMES or _metrics(name, objective) & _in_run([LOSS.name]):
            sentence = f"'{name}' is already used by the model or a metric; choose another name"
        elif owner is not None:
            sentence = f"'{name}' is already used by the objective '{owner}'; choose another name"
        else:
            continue
        yield Problem((name,), sentence)


def _uses(other: str, name: str, objectives: Mapping[str, Objective]) -> bool:
    """Return whether the objective `other` uses `name`, or the name of a metric of `name`."""
    if name == other:
        return False
    in_graph = objectives[other].own_names(other)
    in_run = _in_run(evaluation_metrics(objectives[other].terms(other)))
    return name in in_graph or bool(_metrics(name, objectives[name]) & (in_run - {LOSS.name}))


def _metrics(name: str, objective: Objective) -> set[str]:
    """Return the names of the metrics of the loss term that has the name of the objective."""
    return {f"{name}_{metric.name}" for metric in objective.metrics}


def _in_run(metrics: Iterable[str]) -> set[str]:
    """Return the names of metrics in records of training and of evaluations."""
    return {prefixed for name in metrics for prefixed in (name, f"validation_{name}")}
