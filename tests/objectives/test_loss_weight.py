"""Weights of losses by step."""

import json

import pytest
from pydantic import ValidationError

from archbuilder.experiment import load
from archbuilder.objectives import loss_weights
from archbuilder.objectives.loss_weight import LinearWeight
from archbuilder.objectives.masked_lm import MaskedLM
from archbuilder.objectives.next_sentence import NextSentence
from tests import small_run


def linear(**settings):
    return LinearWeight(type="linear", **settings)


def test_a_linear_weight_goes_from_the_first_step_to_the_last():
    weight = linear(first=1.0, last=0.0)
    assert [weight.at(step, 5) for step in range(1, 6)] == [1.0, 0.75, 0.5, 0.25, 0.0]


def test_a_linear_weight_can_start_later_and_end_earlier():
    weight = linear(first=0.0, last=2.0, first_step=3, last_step=5)
    assert [weight.at(step, 9) for step in range(1, 8)] == [0, 0, 0, 1, 2, 2, 2]


def test_a_run_of_one_step_has_the_first_weight():
    assert linear(first=0.5, last=2.0).at(1, 1) == 0.5


def test_a_constant_weight_is_equal_at_every_step():
    objectives = {
        "one": MaskedLM(type="masked_lm", weight=3.0),
        "two": NextSentence(type="next_sentence", weight=linear(first=0.0, last=1.0)),
    }
    assert loss_weights(objectives, 1, 3) == {"one": 3.0, "two": 0.0}
    assert loss_weights(objectives, 3, 3) == {"one": 3.0, "two": 1.0}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"first": 1.0, "last": 1.0}, "first and last are equal; write 'weight: 1'"),
        (
            {"first": 1.0, "last": 0.0, "first_step": 4, "last_step": 4},
            r"last_step \(4\) must be greater than first_step \(4\)",
        ),
    ],
)
def test_a_weight_that_does_not_change_is_rejected(settings, message):
    with pytest.raises(ValidationError, match=message):
        linear(**settings)


def test_losses_are_weighted_by_step_and_evaluations_as_at_the_last_step(tmp_path):
    spec = small_run.bert(tmp_path, steps=4, evaluate_every=2)
    spec["objectives"]["next_sentence"] = {"weight": {"type": "linear", "first": 2, "last": 0.5}}
    load(small_run.write(spec, tmp_path / "spec.yaml")).train(tmp_path / "run")
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    weights = {1: 2.0, 2: 1.5, 3: 1.0, 4: 0.5}
    seen = set()
    for record in records:
        prefix = "validation_" if "validation_loss" in record else ""
        weight = 0.5 if prefix else weights[record["step"]]
        pair = record[f"{prefix}next_sentence_loss"]
        expected = record[f"{prefix}masked_lm_loss"] + weight * pair
        assert record[f"{prefix}loss"] == pytest.approx(expected)
        seen.add((record["step"], prefix))
    assert seen >= {(1, ""), (4, ""), (2, "validation_"), (4, "validation_")}
