"""Heads of an experiment, which several objectives may share."""

from typing import Any

from archbuilder.experiment import Experiment


def heads_of(experiment: Experiment) -> dict[str, Any]:
    """Return the objectives of an experiment by the names of their heads."""
    return {head_of(objective): objective for objective in experiment.objectives.values()}


def head_of(objective: Any) -> str:
    """Return the name of an objective's head: the objective type that an import creates for it."""
    return "sequence_to_sequence" if objective.head_type == "seq2seq" else objective.type
