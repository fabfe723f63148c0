"""Parameter groups and frozen layers, and errors at their line."""

from types import SimpleNamespace

import pytest

from archbuilder.experiment import Experiment
from archbuilder.language import SpecError, read, validate_tree
from archbuilder.network.layer_role import HEAD, LayerRole
from archbuilder.training.recipe.parameter_groups import ParameterGroup, update_rule
from tests import small_run


def error_lines(folder, **training):
    spec = small_run.write(small_run.bert(folder, **training), folder / "spec.yaml")
    with pytest.raises(SpecError) as error:
        validate_tree(read(spec), Experiment)
    return [line.partition("spec.yaml:")[2].split(" ", 1)[1] for line in error.value.lines]


def test_pattern_without_match_is_reported_with_similar_name(tmp_path):
    groups = [{"layers": "encoder.layer.0.attention.*", "learning_rate_multiplier": 0.5}]
    lines = error_lines(tmp_path, freeze=["embedding.tokens"], parameter_groups=groups)
    assert lines == [
        "training.freeze[0]: 'embedding.tokens' matches no layer; "
        "did you mean 'embeddings.tokens'?",
        "training.parameter_groups[0].layers: 'encoder.layer.0.attention.*' matches no layer; "
        "did you mean 'encoder.layers.0.attention.key'?",
    ]


def test_freezing_all_layers_is_rejected(tmp_path):
    assert error_lines(tmp_path, freeze=["*"]) == [
        "training.freeze: freezes all layers; at least one must be trained"
    ]


def test_group_without_effect_is_rejected(tmp_path):
    (line,) = error_lines(tmp_path, parameter_groups=[{"layers": "*"}])
    assert line.endswith("has no effect; set 'learning_rate_multiplier' or 'weight_decay'")


def test_last_group_that_sets_a_field_applies():
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
    rule = update_rule(recipe, "encoder.layers.0.attention.query", role, (4, 4))
    assert (rule.learning_rate_multiplier, rule.decay) == (0.5, 0.3)
    head_rule = update_rule(recipe, "next_sentence", HEAD, (4, 2))
    assert head_rule.learning_rate_multiplier == 0.1
