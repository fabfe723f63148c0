"""Check specs with a type of attention or position that was added to a copy of the package.

    python check.py SPEC...

Run by `test_added_kinds.py` with the copy on the path.
"""

import sys

import keras
import numpy as np

from archbuilder.errors import UserError
from archbuilder.exchange.export_model import config_of
from archbuilder.experiment import Experiment, load


def main(path: str) -> None:
    experiment = load(path)
    encoder_decoder = experiment.model.is_encoder_decoder
    keras.utils.set_random_seed(0)
    backbone = experiment.model.build(keras.layers)
    check_parameter_counter(experiment)
    check_cache(backbone, encoder_decoder)
    check_export_is_rejected(experiment)
    if encoder_decoder:
        check_generator(experiment)


def check_parameter_counter(experiment: Experiment) -> None:
    counter, model = experiment.parameter_counter(), experiment.build()
    counted = {
        f"{layer}/{name}": shape
        for layer, weights in counter.weights.items()
        for name, shape in weights.items()
    }
    assert counted == {weight.path: tuple(weight.shape) for weight in model.weights}


def check_cache(backbone, encoder_decoder: bool) -> None:
    random = np.random.default_rng(0)
    source, target = (random.integers(5, 23, (2, length)).astype("int32") for length in (7, 6))
    mask = (np.arange(7) < np.array([[5], [7]])).astype("int32") if encoder_decoder else None
    memory = backbone.encode(source, mask) if encoder_decoder else None
    expected = backbone.decode(target, np.ones_like(target), memory, mask)
    projected, cache = backbone.project_memory(memory), backbone.init_cache(2, max_length=8)
    for index in range(6):
        token = target[:, index : index + 1]
        hidden, cache = backbone.decode_step(token, index, cache, 8, projected, mask)
        np.testing.assert_allclose(hidden[:, 0], expected[:, index], atol=1e-4)
    changed = target.copy()
    changed[:, 4] = 5
    magnitudes = np.abs(np.asarray(backbone.decode(changed, np.ones_like(target), memory, mask)))
    np.testing.assert_array_equal(magnitudes[:, :4], np.abs(np.asarray(expected))[:, :4])


def check_export_is_rejected(experiment: Experiment) -> None:
    try:
        config_of(experiment)
    except UserError:
        return
    raise AssertionError("exported as an architecture that does not have this type")


def check_generator(experiment: Experiment) -> None:
    plain = experiment.model_dump(mode="json", exclude_none=True)
    plain["model"] |= {"decoder": None, "embeddings": {"tie": "output"}}
    plain["objectives"] = {"replaced_token_detection": {"generator_size": 0.5}}
    graph = Experiment.model_validate(plain).model_graph().training_graph()
    widths = {weight.path: weight.shape for weight in graph.weights}
    own = widths["encoder.layers.0.attention.query/kernel"]
    smaller = widths["replaced_token_detection_generator.encoder.layers.0.attention.query/kernel"]
    assert smaller[0] * 2 == own[0]
    assert smaller[1] < own[1]


if __name__ == "__main__":
    for path in sys.argv[1:]:
        main(path)
