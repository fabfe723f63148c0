"""Parity of BERT with `transformers` at several sizes; `make parity` runs it."""

import pytest

from archbuilder.experiment import Experiment
from tests.parity import bert

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize(
    ("hidden_dim", "num_layers", "num_heads", "width"),
    [(32, 2, 4, 48), (128, 2, 2, 512), (256, 4, 4, 1024), (768, 12, 12, 3072)],
)
@pytest.mark.parametrize("length", [1, 17, 40])
def test_bert_logits_equal_those_of_transformers(hidden_dim, num_layers, num_heads, width, length):
    from tests.parity import reference_bert

    sizes = {
        "vocabulary_size": 1000,
        "hidden_dim": hidden_dim,
        "num_layers": num_layers,
        "num_heads": num_heads,
        "width": width,
    }
    reference, state = reference_bert.random_bert(**sizes, seed=length)
    model = Experiment.model_validate(bert.spec(**sizes)).build()
    bert.assign(model, bert.keras_weights(state, num_layers))
    batch = bert.ragged_batch(1000, rows=5, length=length, seed=length)
    assert bert.largest_difference(model, batch, reference_bert.logits(reference, batch)) <= 1e-4
