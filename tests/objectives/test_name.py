"""Names of objectives: none is also something else in a model, a batch or the metrics."""

import pytest

from archbuilder.experiment import load
from archbuilder.language import SpecError
from archbuilder.objectives.causal_lm import CausalLM
from archbuilder.objectives.masked_lm import MaskedLM
from archbuilder.objectives.name import INPUTS, LAYERS, OUTPUTS, name_problems
from archbuilder.objectives.replaced_token_detection import ReplacedTokenDetection
from archbuilder.shipped import shipped_specs
from tests import small_run

RTD = ReplacedTokenDetection(type="replaced_token_detection")


@pytest.mark.parametrize("spec", ["bert_tiny", "transformer_base", "translate_multi30k"])
def test_the_networks_own_names_are_all_known(spec):
    experiment = load(shipped_specs() / f"{spec}.yaml")
    layers = {layer.partition(".")[0] for layer in experiment.parameter_counter().weights}
    assert layers - set(experiment.objectives) <= LAYERS
    assert set(experiment.model.inputs()) <= INPUTS


@pytest.mark.parametrize("write", [small_run.bert, small_run.transformer])
def test_the_networks_own_outputs_are_all_known(write, tmp_path):
    experiment = load(small_run.write(write(tmp_path), tmp_path / "spec.yaml"))
    assert set(experiment.build().output) - set(experiment.objectives) <= OUTPUTS


@pytest.mark.parametrize("name", ["", "a/b", "a b", "A", "1a", "_a", "a.b", "ä", "a\n"])
def test_what_is_no_name_is_refused(name):
    (mistake,) = name_problems({name: MaskedLM(type="masked_lm")})
    assert mistake.sentence == "a name is a small letter, then small letters, digits and '_'"


@pytest.mark.parametrize(
    ("objective", "names"),
    [
        (MaskedLM(type="masked_lm"), ["topic_positions", "validation_topic"]),
        (RTD, ["topic_generator", "topic_generator_slots", "topic_generator_token_ids"]),
    ],
)
def test_names_in_the_graph_or_metrics_of_another_objective_are_taken(objective, names):
    other = CausalLM(type="causal_lm")
    for name in names:
        (mistake,) = name_problems({"topic": objective, name: other})
        assert mistake.path == (name,)
        assert "belongs to the objective 'topic' already" in mistake.sentence
        assert not list(name_problems({"other": objective, name: other}))


def test_an_objective_cannot_have_the_metrics_of_a_run():
    (mistake,) = name_problems({"validation": CausalLM(type="causal_lm")})
    assert "'validation' is something else" in mistake.sentence


def test_a_name_that_is_taken_is_one_sentence_at_its_line(tmp_path):
    spec = small_run.bert(tmp_path)
    spec["objectives"] = {"encoder": {"type": "masked_lm"}, "next_sentence": {}}
    path = small_run.write(spec, tmp_path / "spec.yaml")
    line = path.read_text().splitlines().index("objectives:") + 2
    with pytest.raises(SpecError) as caught:
        load(path)
    assert caught.value.lines == [
        f"{path}:{line}:3: objectives.encoder: "
        "'encoder' is something else in a model or a batch; choose another name"
    ]
