"""The tasks that there are, and which of them a model can do."""

from collections.abc import Mapping
from typing import NamedTuple

from archbuilder.inference.embed import Embed
from archbuilder.inference.fill_mask import FillMask
from archbuilder.inference.task import Task
from archbuilder.inference.translate import Translate
from archbuilder.network.backbone import BackboneConfig
from archbuilder.objectives import Objective

TASKS: dict[str, type[Task]] = {"masked_lm": FillMask, "seq2seq": Translate}
"""Tasks by the head of the objective."""
ENCODER_TASKS: tuple[type[Task], ...] = (Embed,)
"""Tasks of every model without a decoder."""


class AvailableTask(NamedTuple):
    """A task, and the objective that it uses the head of."""

    task: type[Task]
    objective: str
    """Empty where the task needs no head."""


def available_tasks(
    backbone: BackboneConfig, objectives: Mapping[str, Objective]
) -> dict[str, AvailableTask]:
    """Return what a model can do, by the names of the tasks; the first one is the default."""
    tasks = {
        TASKS[objective.head_type].name: AvailableTask(TASKS[objective.head_type], name)
        for name, objective in objectives.items()
        if objective.head_type in TASKS
    }
    if backbone.decoder is None:
        tasks |= {task.name: AvailableTask(task, "") for task in ENCODER_TASKS}
    return tasks
