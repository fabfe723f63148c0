"""An objective with its own loss and metrics trains, and its metric can be monitored."""

import math
from types import SimpleNamespace
from typing import ClassVar, Literal

import keras
import numpy as np
import pytest

from archbuilder.batches.batch_sampler import BatchSize
from archbuilder.batches.batches import Batches
from archbuilder.graph import ModelGraph
from archbuilder.network.backbone import BackboneConfig
from archbuilder.network.layer import dense
from archbuilder.objectives import (
    Objective,
    evaluation_metrics,
    loss_terms,
    loss_weights,
    metrics_from_sums,
    printed_metrics,
)
from archbuilder.objectives.metric import LOSS, Metric
from archbuilder.text.batch import Target
from archbuilder.text.examples import Limits, Segments
from archbuilder.training.engines import open_devices
from archbuilder.training.engines.engine import total_sums
from archbuilder.training.loop.baseline import baselines
from archbuilder.training.recipe.best import Best
from archbuilder.training.recipe.parameter_groups import build_optimizer
from archbuilder.training.recipe.recipe import Training
from tests import small_run
from tests.tokens import document_tokens
from tests.variants import tiny

VOCABULARY = SimpleNamespace(padding_id=0, start_id=2, end_id=3)
HIGH = 14
"""First id that is counted."""


def pearson(sums):
    """Return the correlation of predictions and targets, computed from their moments."""
    n, x, y = sums["count"], sums["x"], sums["y"]
    covariance = sums["xy"] - x * y / n
    return covariance / math.sqrt((sums["xx"] - x * x / n) * (sums["yy"] - y * y / n))


class HighTokens(Objective):
    """Prediction of the fraction of high ids in a text: regression with a squared error."""

    type: Literal["high_tokens"]

    head_type: ClassVar[str] = "regression"
    metrics: ClassVar[tuple[Metric, ...]] = (LOSS, Metric("pearson", pearson, True))
    needs_pooled_output: ClassVar[bool] = True

    def build(self, layers, name, backbone):
        head = dense(layers, name, backbone.config.hidden_dim, 1, backbone.config.initializer)
        return lambda outputs, inputs: head(outputs["pooled_output"])  # [B, D] -> [B, 1]

    def prepare_batch(self, name, batch, rng, vocabulary):
        ids, real = batch.inputs["token_ids"], batch.inputs["padding_mask"]
        fraction = ((ids >= HIGH) * real).sum(axis=1) / real.sum(axis=1)
        batch.targets[name] = Target(fraction.astype("float32"), np.ones(len(ids), "float32"))

    def sums(self, outputs, target):
        from keras import ops

        x, y, weights = ops.cast(outputs[:, 0], "float32"), target.ids, target.weights
        terms = {"loss": ops.square(x - y), "x": x, "y": y, "xx": x * x, "xy": x * y, "yy": y * y}
        sums = {key: ops.sum(ops.multiply(term, weights)) for key, term in terms.items()}
        return sums | {"count": ops.sum(weights)}


OBJECTIVE = HighTokens(type="high_tokens", weight=10.0)


def batches(seed):
    """Return batches of documents of one sentence of four to twelve tokens."""
    random = np.random.default_rng(seed)
    lengths = random.integers(4, 13, 64)
    high = random.random(64).repeat(lengths) > random.random(lengths.sum())
    ids = np.where(
        high, random.integers(HIGH, 23, high.shape), random.integers(5, HIGH, high.shape)
    )
    text = document_tokens(ids, np.cumsum([0, *lengths]), np.arange(len(lengths) + 1))
    vocabularies = (VOCABULARY, VOCABULARY)
    segments = Segments(text, vocabularies, Limits(16, "split"))
    inputs = ("token_ids", "segment_ids")
    size = BatchSize(None, 32)
    return Batches([(1.0, segments)], {"high": OBJECTIVE}, vocabularies, size, 0, inputs)


@pytest.fixture(scope="module")
def run():
    """Return an engine for the objective, and the metrics before and during training."""
    keras.utils.set_random_seed(0)
    model = tiny(decoder=False)["model"]
    model["encoder"] |= {"num_layers": 1, "dropout": 0.0}
    backbone = BackboneConfig.model_validate(model)
    recipe = Training.model_validate(small_run.training())
    graph = ModelGraph("toy", backbone, {"high": OBJECTIVE}).model
    terms = loss_terms({"high": OBJECTIVE})
    optimizer = build_optimizer(recipe, graph)
    engine = open_devices(recipe).engine(graph, terms, optimizer, 1.0, False)
    train, validation = batches(0), batches(1)

    def evaluate():
        sums = total_sums([engine.measure(validation[n]) for n in range(len(validation))])
        return metrics_from_sums(terms, sums, loss_weights(train.losses, None, None))

    evaluations = [evaluate()]
    for step in range(40):
        engine.train([train[2 * step], train[2 * step + 1]], 0.01, {"high": 10.0})
        if step % 10 == 9:
            evaluations.append(evaluate())
    return SimpleNamespace(
        engine=engine, graph=graph, terms=terms, validation=validation, evaluations=evaluations
    )


def test_the_loss_decreases_and_the_correlation_increases(run):
    first, last = run.evaluations[0], run.evaluations[-1]
    assert list(last) == ["loss", "high_loss", "high_pearson"]
    assert last["high_loss"] < 0.5 * first["high_loss"]
    assert last["high_pearson"] > max(0.7, first["high_pearson"])
    assert last["loss"] == pytest.approx(10 * last["high_loss"])


def test_the_correlation_is_computed_over_all_batches(run):
    predictions, targets = [], []
    for number in range(len(run.validation)):
        batch = run.validation[number]
        outputs = run.graph(batch.inputs, training=False)
        predictions.append(np.asarray(outputs["high"])[:, 0])
        targets.append(batch.targets["high"].ids)
    expected = np.corrcoef(np.concatenate(predictions), np.concatenate(targets))[0, 1]
    assert len(predictions) > 1
    assert run.evaluations[-1]["high_pearson"] == pytest.approx(expected, abs=1e-4)


def test_the_best_model_has_the_highest_correlation(run):
    metric = evaluation_metrics(run.terms)["high_pearson"]
    best = Best("high_pearson", None, metric.higher_is_better)
    for step, metrics in enumerate(run.evaluations):
        best.update({f"validation_{name}": value for name, value in metrics.items()}, step)
    assert best.value == max(metrics["high_pearson"] for metrics in run.evaluations)


def test_the_console_shows_its_metric_but_no_baseline(run):
    assert printed_metrics(run.terms) == {"high": ["pearson"]}
    assert baselines(run.terms, run.graph.output, batches(0), run.validation) == {}
