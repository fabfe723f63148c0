"""What all tasks share: the length of a line, and which tasks a model can do."""

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
    assert str(caught.value) == "line 7 has 3 tokens; the model takes at most 2"


@pytest.mark.parametrize("positions", ["sinusoidal", "none", "learned"])
def test_a_model_takes_what_its_positions_or_its_training_reach(positions, tmp_path):
    spec = small_run.bert(tmp_path)
    spec["model"]["positions"] = {"type": positions}
    if positions == "learned":
        spec["model"]["positions"]["max_sequence_length"] = 32
    experiment = load(small_run.write(spec, tmp_path / "spec.yaml"))
    limit = 32 if positions == "learned" else 24
    assert max_line_length(experiment.model, experiment.data) == limit
    assert max_line_length(experiment.model, None) == (32 if positions == "learned" else None)


@pytest.mark.parametrize(
    ("kind", "tasks"),
    [
        (small_run.bert, {"fill_mask": (FillMask, "masked_lm"), "embed": (Embed, "")}),
        (small_run.transformer, {"translate": (Translate, "sequence_to_sequence")}),
        (small_run.gpt, {}),
    ],
)
def test_what_a_model_can_do_follows_from_its_objectives_and_its_stacks(kind, tasks, tmp_path):
    experiment = load(small_run.write(kind(tmp_path), tmp_path / "spec.yaml"))
    assert available_tasks(experiment.model, experiment.objectives) == tasks
