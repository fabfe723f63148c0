"""Names of objectives differ from all other names of a model, a batch and the metrics."""

import pytest

from archbuilder.experiment import load
from archbuilder.language import SpecError
from archbuilder.objectives.causal_lm import CausalLM
from archbuilder.objectives.masked_lm import MaskedLM
from archbuilder.objectives.name import INPUT_NAMES, LAYER_NAMES, OUTPUT_NAMES, name_problems
from archbuilder.objectives.replaced_token_detection import ReplacedTokenDetection
from archbuilder.shipped import shipped_specs
from tests import small_run

RTD = ReplacedTokenDetection(type="replaced_token_detection")


@pytest.mark.parametrize("spec", ["bert_tiny", "transformer_base", "translate_multi30k"])
def test_all_names_of_a_backbone_are_listed(spec):
    experiment = load(shipped_specs() / f"{spec}.yaml")
    layers = {layer.partition(".")[0] for layer in experiment.parameter_counter().weights}
    assert layers - set(experiment.objectives) <= LAYER_NAMES
    assert set(experiment.model.inputs()) <= INPUT_NAMES


@pytest.mark.parametrize("write", [small_run.bert, small_run.transformer])
def test_all_outputs_of_a_backbone_are_listed(write, tmp_path):
    experiment = load(small_run.write(write(tmp_path), tmp_path / "spec.yaml"))
    assert set(experiment.build().output) - set(experiment.objectives) <= OUTPUT_NAMES


@pytest.mark.parametrize("name", ["", "a/b", "a b", "A", "1a", "_a", "a.b", "ä", "a\n"])
def test_an_invalid_name_is_rejected(name):
    (problem,) = name_problems({name: MaskedLM(type="masked_lm")})
    expected = "must be a lowercase letter, and then lowercase letters, digits and '_'"
    assert problem.message == expected


@pytest.mark.parametrize(
    ("objective", "names"),
    [
        (MaskedLM(type="masked_lm"), ["topic_positions", "validation_topic"]),
        (RTD, ["topic_generator", "topic_generator_slots", "topic_generator_token_ids"]),
    ],
)
def test_names_that_another_objective_uses_are_rejected(objective, names):
    other = CausalLM(type="causal_lm")
    for name in names:
        (problem,) = name_problems({"topic": objective, name: other})
        assert problem.path == (name,)
        assert "already used by the objective 'topic'" in problem.message
        assert not list(name_problems({"other": objective, name: other}))


def test_a_name_whose_metrics_exist_already_is_rejected():
    (problem,) = name_problems({"validation": CausalLM(type="causal_lm")})
    assert "'validation' is already used" in problem.message


def test_a_used_name_is_one_error_at_its_line(tmp_path):
    spec = small_run.bert(tmp_path)
    spec["objectives"] = {"encoder": {"type": "masked_lm"}, "next_sentence": {}}
    path = small_run.write(spec, tmp_path / "spec.yaml")
    line = path.read_text().splitlines().index("objectives:") + 2
    with pytest.raises(SpecError) as caught:
        load(path)
    assert caught.value.lines == [
        f"{path}:{line}:3: objectives.encoder: "
        "'encoder' is already used by the model or a metric; choose another name"
    ]
