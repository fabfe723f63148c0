"""Metrics are computed from sums over all batches, and declare which direction is better."""

import pytest

from archbuilder.network.backbone import BackboneConfig
from archbuilder.objectives import (
    AnyObjective,
    LossTerm,
    evaluation_metrics,
    loss_terms,
    loss_weights,
    metrics_from_sums,
    printed_metrics,
    training_losses,
)
from archbuilder.objectives.causal_lm import CausalLM
from archbuilder.objectives.metric import LOSS, Metric, mean
from archbuilder.objectives.replaced_token_detection import ReplacedTokenDetection
from tests.variants import classes, tiny

HITS = Metric("hits", lambda sums: sums["hits"], higher_is_better=True)
BIAS = Metric("bias", lambda sums: mean(sums, "errors"), higher_is_better=False, is_printed=False)
TERM = LossTerm(lambda outputs, target: {}, (LOSS, HITS, BIAS))
REGULARIZER = LossTerm(lambda outputs, target: {}, (LOSS,), training_only=True)


def test_metrics_are_named_by_term_and_the_loss_is_the_weighted_sum():
    sums = {
        "one": {"loss": 6.0, "count": 3.0, "hits": 2.0, "errors": -1.5},
        "two": {"loss": 4.0, "count": 2.0},
    }
    metrics = metrics_from_sums({"one": TERM, "two": REGULARIZER}, sums, {"one": 0.5, "two": 3.0})
    assert list(metrics.items()) == [
        ("loss", 0.5 * 2 + 3 * 2),
        ("one_loss", 2.0),
        ("one_hits", 2.0),
        ("one_bias", -0.5),
        ("two_loss", 2.0),
    ]


def test_evaluations_and_the_console_skip_terms_that_are_only_trained():
    terms = {"one": TERM, "two": REGULARIZER}
    metrics = evaluation_metrics(terms)
    assert list(metrics) == ["loss", "one_loss", "one_hits", "one_bias"]
    assert [metric.higher_is_better for metric in metrics.values()] == [False, False, True, False]
    assert printed_metrics(terms) == {"one": ["hits"]}


def test_the_metrics_of_an_objective_are_listed_before_training():
    metrics = evaluation_metrics(loss_terms({"next": CausalLM(type="causal_lm")}))
    assert list(metrics) == ["loss", "next_loss", "next_accuracy", "next_perplexity"]


@pytest.mark.parametrize("variant", classes(AnyObjective), ids=lambda variant: variant.__name__)
def test_the_loss_is_the_first_metric_of_every_objective(variant):
    assert variant.metrics[0] is LOSS
    assert len({metric.name for metric in variant.metrics}) == len(variant.metrics)


def test_every_output_with_a_loss_is_a_term_with_its_weight():
    losses = {"rtd": ReplacedTokenDetection(type="replaced_token_detection", weight=2.0)}
    assert list(loss_terms(losses)) == ["rtd_generator", "rtd"]
    assert loss_weights(losses, 1, 1) == {"rtd_generator": 2.0, "rtd": 2.0 * 50.0}


@pytest.mark.parametrize("weight", [None, 0.0, 0.01])
def test_experts_add_a_term_if_its_weight_is_not_zero(weight):
    model = tiny(decoder=True)["model"]
    expert = model["decoder"]["feed_forward"]
    if weight is not None:
        model["decoder"]["feed_forward"] = {
            "type": "mixture_of_experts",
            "num_experts": 4,
            "num_experts_per_token": 2,
            "expert": expert,
            "load_balancing_loss_weight": weight,
        }
    losses = training_losses(BackboneConfig.model_validate(model), {})
    assert list(losses) == (["load_balancing"] if weight else [])
    assert loss_weights(losses, 1, 1) == dict.fromkeys(losses, 1.0)
