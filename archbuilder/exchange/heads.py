"""The heads of an experiment: several objectives have the same one."""

from typing import Any

from archbuilder.experiment import Experiment

_SEQ2SEQ = ("sequence_to_sequence", "span_corruption", "denoising")


def heads_of(experiment: Experiment) -> dict[str, Any]:
    """Return the objectives of an experiment by their heads."""
    return {head_of(objective): objective for objective in experiment.objectives.values()}


def head_of(objective: Any) -> str:
    """Return the head of an objective: the type that it is imported as."""
    return _SEQ2SEQ[0] if objective.type in _SEQ2SEQ else objective.type
