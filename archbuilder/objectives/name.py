"""Names of objectives: their layers, inputs, outputs and metrics carry them."""

import re
from collections.abc import Iterable, Iterator, Mapping

from archbuilder.language import Problem
from archbuilder.objectives.loss_term import evaluation_metrics
from archbuilder.objectives.metric import LOSS
from archbuilder.objectives.objective import Objective
from archbuilder.text.batch import SEGMENT_IDS, TOKEN_SEQUENCES

STACKS = {f"{side}{part}" for side in ("", "decoder_") for part in ("embeddings", "positions")}
INPUTS = {SEGMENT_IDS, *(name for names in TOKEN_SEQUENCES.values() for name in names)}
LAYERS = {*STACKS, "encoder", "decoder", "pooler", "output", *INPUTS}
"""The names of the layers of any backbone; its inputs are layers, too."""
OUTPUTS = {"sequence_output", "pooled_output", "decoder_sequence_output", "load_balancing"}
"""The names of the outputs of any backbone."""


def name_problems(objectives: Mapping[str, Objective]) -> Iterator[Problem]:
    """Yield a problem for each name that is not valid or has two meanings in a graph or a run."""
    for name, objective in objectives.items():
        owner = next((one for one in objectives if _belongs_to(name, one, objectives)), None)
        if not re.fullmatch("[a-z][a-z0-9_]*", name):
            sentence = "a name is a small letter, then small letters, digits and '_'"
        elif name in LAYERS | OUTPUTS or _metrics(name, objective) & _in_run([LOSS.name]):
            sentence = f"'{name}' is something else in a model or a batch; choose another name"
        elif owner is not None:
            sentence = f"'{name}' belongs to the objective '{owner}' already; choose another name"
        else:
            continue
        yield Problem((name,), sentence)


def _belongs_to(name: str, other: str, objectives: Mapping[str, Objective]) -> bool:
    """Return whether the objective `other` uses a name, or the name of one of its metrics."""
    if name == other:
        return False
    in_graph = objectives[other].own_names(other)
    in_run = _in_run(evaluation_metrics(objectives[other].terms(other)))
    return name in in_graph or bool(_metrics(name, objectives[name]) & (in_run - {LOSS.name}))


def _metrics(name: str, objective: Objective) -> set[str]:
    """Return the names of an objective's metrics of the term that is called as itself."""
    return {f"{name}_{metric.name}" for metric in objective.metrics}


def _in_run(metrics: Iterable[str]) -> set[str]:
    """Return the names of metrics as records have them, in training and in evaluations."""
    return {prefixed for name in metrics for prefixed in (name, f"validation_{name}")}
