"""Tests of the interface of tasks: maximum line length and the tasks that a model supports."""

import pytest

from archbuilder.errors import UserError
from archbuilder.experiment import load
from archbuilder.inference.embed import Embed
from archbuilder.inference.fill_mask import FillMask
from archbuilder.inference.task import max_line_length, require_length
from archbuilder.inference.tasks import available_tasks
from archbuilder.inference.translate import Translate
from tests import small_run


def test_a_line_that_is_too_long_is_reported_by_its_number():
    require_length([1, 2, 3], 3, 7)
    require_length([1, 2, 3], None, 7)
    with pytest.raises(UserError) as caught:
        require_length([1, 2, 3], 2, 7)
    assert str(caught.value) == "line 7 has 3 tokens; the model supports at most 2"


@pytest.mark.parametrize("positions", ["sinusoidal", "none", "learned"])
def test_the_maximum_length_is_that_of_positions_or_of_training(positions, tmp_path):
    spec = small_run.bert(tmp_path)
    spec["model"]["positions"] = {"type": positions}
    if positions == "learned":
        spec["model"]["positions"]["max_sequence_length"] = 32
    experiment = load(small_run.write(spec, tmp_path / "spec.yaml"))
    limit = 32 if positions == "learned" else 24
    assert max_line_length(experiment.model, experiment.data) == limit
    assert max_line_length(experiment.model, None) == (32 if positions == "learned" else None)


@pytest.mark.parametrize(
    ("small_spec", "tasks"),
    [
        (small_run.bert, {"fill_mask": (FillMask, "masked_lm"), "embed": (Embed, "")}),
        (small_run.transformer, {"translate": (Translate, "sequence_to_sequence")}),
        (small_run.gpt, {}),
    ],
)
def test_supported_tasks_depend_on_objectives_and_stacks(small_spec, tasks, tmp_path):
    experiment = load(small_run.write(small_spec(tmp_path), tmp_path / "spec.yaml"))
    assert available_tasks(experiment.model, experiment.objectives) == tasks
