"""Which weights are trained, by the names of their layers; mistakes at their line."""

from types import SimpleNamespace

import pytest

from archbuilder.experiment import Experiment
from archbuilder.language import SpecError, check, read
from archbuilder.network.layer_role import HEAD, LayerRole
from archbuilder.training.recipe.parameter_groups import ParameterGroup, update_rule
from tests import small_run


def lines(folder, **training):
    spec = small_run.write(small_run.bert(folder, **training), folder / "spec.yaml")
    with pytest.raises(SpecError) as found:
        check(read(spec), Experiment)
    return [line.partition("spec.yaml:")[2].split(" ", 1)[1] for line in found.value.lines]


def test_a_pattern_that_names_nothing_is_told_with_the_nearest(tmp_path):
    groups = [{"layers": "encoder.layers.0.atention.*", "learning_rate_multiplier": 0.5}]
    found = lines(tmp_path, freeze=["embedding.tokens"], parameter_groups=groups)
    assert found == [
        "training.freeze[0]: no layer is called 'embedding.tokens'; there is 'embeddings.tokens'",
        "training.parameter_groups[0].layers: no layer is called 'encoder.layers.0.atention.*'; "
        "there is 'encoder.layers.0.attention.key'",
    ]


def test_freezing_all_is_refused(tmp_path):
    assert lines(tmp_path, freeze=["*"]) == ["training.freeze: nothing would be left to train"]


def test_a_group_that_changes_nothing_is_refused(tmp_path):
    (line,) = lines(tmp_path, parameter_groups=[{"layers": "*"}])
    assert line.endswith("write 'learning_rate_multiplier' or 'weight_decay'")


def test_of_several_groups_the_last_that_says_it_counts():
    groups = (
        ParameterGroup(layers="*", learning_rate_multiplier=0.1, weight_decay=0.3),
        ParameterGroup(layers="encoder.*", learning_rate_multiplier=0.5),
    )
    recipe = SimpleNamespace(
        optimizer=SimpleNamespace(weight_decay=0.01),
        layerwise_learning_rate_decay=1.0,
        parameter_groups=groups,
    )
    role = LayerRole("column", stack_matrix=True, distance_to_heads=1)
    inside = update_rule(recipe, "encoder.layers.0.attention.query", role, (4, 4))
    assert (inside.rate_scale, inside.decay) == (0.5, 0.3)
    assert update_rule(recipe, "next_sentence", HEAD, (4, 2)).rate_scale == 0.1
