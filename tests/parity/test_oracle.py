"""The built BERT against `transformers` itself, at several sizes; `make parity` runs this."""

import pytest

from archbuilder.experiment import Experiment
from tests.parity import bert

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize(
    ("hidden_dim", "num_layers", "num_heads", "width"),
    [(32, 2, 4, 48), (128, 2, 2, 512), (256, 4, 4, 1024), (768, 12, 12, 3072)],
)
@pytest.mark.parametrize("length", [1, 17, 40])
def test_bert_gives_the_oracles_logits(hidden_dim, num_layers, num_heads, width, length):
    from tests.parity import reference_bert

    sizes = {
        "vocabulary_size": 1000,
        "hidden_dim": hidden_dim,
        "num_layers": num_layers,
        "num_heads": num_heads,
        "width": width,
    }
    oracle, state = reference_bert.random_bert(**sizes, seed=length)
    model = Experiment.model_validate(bert.spec(**sizes)).build()
    bert.assign(model, bert.ours(state, num_layers))
    batch = bert.ragged_batch(1000, rows=5, length=length, seed=length)
    assert bert.largest_difference(model, batch, reference_bert.logits(oracle, batch)) <= 1e-4
