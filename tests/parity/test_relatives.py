"""Parity of architectures that are not shipped with `transformers`; `make parity` runs it."""

import numpy as np
import pytest

from archbuilder.experiment import Experiment
from archbuilder.pretrained.hugging_face import weights
from tests.parity.catalogue import LENGTH, VOCABULARY
from tests.parity.relatives import RELATIVES
from tests.parity.test_catalogue import ragged_batch

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("name", RELATIVES)
def test_logits_equal_those_of_transformers(name):
    from tests.parity import oracle

    class_name, config, spec, weight_names, convert = RELATIVES[name]
    model = oracle.random_model(class_name, 0, vocab_size=VOCABULARY, **config)
    state = convert(oracle.state(model))
    experiment = Experiment.model_validate(spec)
    keras_model = experiment.build()
    shapes = {weight.path: tuple(weight.shape) for weight in keras_model.weights}
    arrays = weights.read_weights(weight_names, state, shapes, name)
    for weight in keras_model.weights:
        weight.assign(arrays[weight.path])
    batch = ragged_batch(experiment, LENGTH, seed=1)
    expected = oracle.logits(model, batch)
    is_token = batch["padding_mask"] > 0
    logits = np.asarray(keras_model(batch, training=False)["causal_lm"])
    assert np.abs(expected[is_token]).max() > 0.5
    assert np.abs(logits - expected)[is_token].max() <= 1e-4
