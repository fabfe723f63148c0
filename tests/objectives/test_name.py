"""Names of objectives: none is also something else in a model, a batch or the metrics."""

import pytest

from archbuilder.experiment import load
from archbuilder.language import SpecError
from archbuilder.objectives.name import ARRAYS, LAYERS, STREAMS, name_problems
from archbuilder.shipped import shipped_specs
from tests import small_run


@pytest.mark.parametrize("spec", ["bert_tiny", "transformer_base", "translate_multi30k"])
def test_the_networks_own_names_are_all_known(spec):
    experiment = load(shipped_specs() / f"{spec}.yaml")
    layers = {layer.partition(".")[0] for layer in experiment.ledger().weights}
    assert layers - set(experiment.objectives) <= LAYERS
    assert set(experiment.model.inputs()) <= ARRAYS | {"segment_ids"}


@pytest.mark.parametrize("write", [small_run.bert, small_run.transformer])
def test_the_networks_own_outputs_are_all_known(write, tmp_path):
    experiment = load(small_run.write(write(tmp_path), tmp_path / "spec.yaml"))
    assert set(experiment.build().output) - set(experiment.objectives) <= STREAMS


@pytest.mark.parametrize("name", ["", "a/b", "a b", "A", "1a", "_a", "a.b", "ä", "a\n"])
def test_what_is_no_name_is_refused(name):
    (mistake,) = name_problems([name])
    assert mistake.sentence == "a name is a small letter, then small letters, digits and '_'"


def test_what_another_objective_adds_is_taken():
    own = ("topic_positions", "topic_targets", "topic_weights", "validation_topic")
    for name in (*own, "topic_generator", "topic_generator_slots"):
        (mistake,) = name_problems(["topic", name])
        assert mistake.path == (name,)
        assert not list(name_problems(["other", name]))


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
