"""Registry of tasks, and the tasks that a model supports."""

from collections.abc import Mapping
from typing import NamedTuple

from archbuilder.inference.embed import Embed
from archbuilder.inference.fill_mask import FillMask
from archbuilder.inference.task import Task
from archbuilder.inference.translate import Translate
from archbuilder.network.backbone import BackboneConfig
from archbuilder.objectives import Objective

TASKS: dict[str, type[Task]] = {"masked_lm": FillMask, "seq2seq": Translate}
"""Tasks by the head of the objective that they use."""
ENCODER_TASKS: tuple[type[Task], ...] = (Embed,)
"""Tasks of all models without a decoder."""


class AvailableTask(NamedTuple):
    """A task and the objective whose head it uses."""

    task: type[Task]
    objective: str
    """Name of the objective. Empty: the task needs no head."""


def available_tasks(
    backbone: BackboneConfig, objectives: Mapping[str, Objective]
) -> dict[str, AvailableTask]:
    """Return the tasks that a model supports, by name. The first one is the default.

    Args:
        backbone: The architecture of the model.
        objectives: The objectives of the model, by name.
    """
    tasks = {
        TASKS[objective.head_type].name: AvailableTask(TASKS[objective.head_type], name)
        for name, objective in objectives.items()
        if objective.head_type in TASKS
    }
    if backbone.decoder is None:
        tasks |= {task.name: AvailableTask(task, "") for task in ENCODER_TASKS}
    return tasks
