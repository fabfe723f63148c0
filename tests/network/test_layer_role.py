"""The role of each layer is as recorded in `layer_roles.txt`, on Keras layers and in the counter.

`layer_roles.txt` has a line for each weight of small forms of shipped specs, of ELECTRA's generator
and of a model with every kind of layer: `spec path axis decay distance muon`.
"""

from pathlib import Path

import keras
import pytest

from archbuilder.experiment import Experiment
from archbuilder.network.layer import dense
from archbuilder.network.layer_role import HEAD, LayerRole, role_being_built, role_of
from archbuilder.network.parameter_counter import ParameterCounter
from archbuilder.shipped import shipped_specs
from archbuilder.training.recipe.distribution import ModelParallel
from archbuilder.training.recipe.optimizer import Muon
from archbuilder.training.recipe.parameter_groups import build_optimizer
from archbuilder.training.recipe.recipe import Training
from tests.shrunk import shrunk
from tests.variants import tiny

LINES = (Path(__file__).parent / "layer_roles.txt").read_text(encoding="utf-8").splitlines()
SPECS = list(dict.fromkeys(line.split()[0] for line in LINES))
MODEL_PARALLEL = ModelParallel(type="model_parallel", shards=2)
EXPERTS = {
    "type": "mixture_of_experts",
    "num_experts": 3,
    "num_experts_per_token": 2,
    "expert": {"type": "gated", "intermediate_dim": 12, "activation": "silu"},
    "shared_expert": {"type": "mlp", "intermediate_dim": 6, "activation": "relu"},
}


def every_part() -> Experiment:
    """Return an encoder-decoder with every kind of layer that has weights."""
    spec = tiny(decoder=True)
    model = spec["model"]
    model["positions"] = {"type": "learned", "max_sequence_length": 32}
    model["embeddings"] = {"tie": "none", "output_bias": True, "embedding_dim": 6}
    model["embeddings"]["norm"] = {"type": "layer_norm"}
    model["encoder"] |= {"num_layers": 4, "num_layer_groups": 2, "norm_placement": "pre"}
    model["encoder"]["residual_scaling"] = {"type": "layer_scale"}
    model["encoder"]["attention"]["positions"] = {"type": "t5"}
    model["encoder"]["attention"]["query_key_norm"] = {"type": "rms_norm"}
    model["decoder"]["attention"]["positions"] = {
        "type": "shaw",
        "max_distance": 2,
        "values": True,
    }
    model["decoder"]["feed_forward"] = EXPERTS
    return Experiment.model_validate(spec)


def experiment_of(name: str, folder: Path) -> Experiment:
    if name == "every_part":
        return every_part()
    return shrunk(shipped_specs() / f"{name}.yaml", folder)


def count_layers(experiment: Experiment) -> ParameterCounter:
    """Return the counter of all layers of the model and of its generators."""
    counter = ParameterCounter()
    backbone = experiment.model.build(counter)
    for name, objective in experiment.objectives.items():
        objective.build(counter, name, backbone)
    for name, objective in experiment.objectives.items():
        objective.build_generator(counter, name, backbone)
    return counter


def line(spec: str, layer: str, role: LayerRole, weight: str, shape: tuple[int, ...]) -> str:
    even_shape = tuple(2 * size for size in shape)
    axis = MODEL_PARALLEL.split_axis(role, weight, even_shape)
    fields = [
        f"{layer}/{weight}",
        "-" if axis is None else str(axis),
        "decay" if role.decays_weight(shape) else "-",
        str(role.distance_to_heads),
        "muon" if role.stack_matrix and len(shape) == 2 else "-",
    ]
    return " ".join([spec, *fields])


@pytest.mark.parametrize("spec", SPECS)
def test_roles_are_as_recorded(spec, tmp_path):
    counter = count_layers(experiment_of(spec, tmp_path))
    lines = [
        line(spec, layer, counter.roles[layer], weight, shape)
        for layer, weights in counter.weights.items()
        for weight, shape in weights.items()
    ]
    assert lines == [expected for expected in LINES if expected.split()[0] == spec]


@pytest.mark.parametrize("spec", ["every_part", "electra_small"])
def test_keras_layers_and_the_counter_have_the_same_roles(spec, tmp_path):
    experiment = experiment_of(spec, tmp_path)
    counter, graph = count_layers(experiment), experiment.model_graph().training_graph()
    roles = {layer.name: role_of(layer) for layer in graph.layers if layer.weights}
    assert roles == counter.roles


def test_a_role_is_not_saved(tmp_path):
    model = every_part().build()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert not any(hasattr(layer, "role") for layer in loaded.layers)


def test_the_role_is_available_while_weights_are_created():
    class Initializer:
        def kernel(self, inputs, outputs, gain=1.0):
            def initial(shape, dtype=None):
                roles.append(role_being_built())
                return keras.ops.zeros(shape, dtype)

            return initial

    roles, role = [], LayerRole("column", distance_to_heads=3)
    dense(keras.layers, "projection", 4, 6, Initializer(), role=role)
    assert roles == [role]
    assert role_being_built() is None


def test_muon_updates_only_matrices_of_stacks(tmp_path):
    experiment = experiment_of("electra_small", tmp_path)
    graph = experiment.model_graph().training_graph()
    recipe = {"optimizer": Muon(type="muon"), "learning_rate": {"type": "constant", "rate": 0.1}}
    recipe |= {"batch": {"examples": 2}, "steps": 1}
    optimizer = build_optimizer(Training.model_validate(recipe), graph)
    with_muon = {weight.path for weight in graph.weights if not optimizer._should_use_adamw(weight)}
    fields_per_line = [line.split() for line in LINES if line.startswith("electra_small ")]
    assert with_muon == {fields[1] for fields in fields_per_line if fields[-1] == "muon"}


def test_a_layer_without_a_role_has_that_of_a_head():
    assert role_of(keras.layers.Dense(2)) == HEAD
