"""What no shipped spec uses, in architectures that use it, against `transformers` itself."""

import numpy as np
import pytest

from archbuilder.experiment import Experiment
from archbuilder.pretrained.hugging_face import weights
from tests.parity.catalogue import LENGTH, VOCABULARY
from tests.parity.relatives import RELATIVES
from tests.parity.test_catalogue import ragged_batch

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("name", RELATIVES)
def test_the_spec_gives_the_oracles_logits(name):
    from tests.parity import oracle

    kind, config, spec, layout, arranged = RELATIVES[name]
    model = oracle.random_model(kind, 0, vocab_size=VOCABULARY, **config)
    state = arranged(oracle.state(model))
    experiment = Experiment.model_validate(spec)
    ours = experiment.build()
    shapes = {weight.path: tuple(weight.shape) for weight in ours.weights}
    found = weights.read_weights(layout, state, shapes, name)
    for weight in ours.weights:
        weight.assign(found[weight.path])
    batch = ragged_batch(experiment, LENGTH, seed=1)
    expected = oracle.logits(model, batch)
    real = batch["padding_mask"] > 0
    logits = np.asarray(ours(batch, training=False)["causal_lm"])
    assert np.abs(expected[real]).max() > 0.5
    assert np.abs(logits - expected)[real].max() <= 1e-4
