"""The heads of an experiment: several objectives have the same one."""

from typing import Any

from archbuilder.experiment import Experiment


def heads_of(experiment: Experiment) -> dict[str, Any]:
    """Return the objectives of an experiment by their heads."""
    return {head_of(objective): objective for objective in experiment.objectives.values()}


def head_of(objective: Any) -> str:
    """Return the head of an objective: the type that it is imported as."""
    return "sequence_to_sequence" if objective.head_type == "seq2seq" else objective.type
