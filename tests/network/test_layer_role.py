"""The role of every layer gives what the rules on its name gave, and reaches whoever asks for it.

`layer_roles.txt` has a line for each weight of small forms of shipped specs, of ELECTRA's generator
and of a model with every kind of layer: `spec path axis decay distance muon`. It was written by the
rules on names that roles replaced.
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
    """An encoder and a decoder with every kind of layer that has weights."""
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


def counted(experiment: Experiment) -> ParameterCounter:
    """Every layer of the model and of its generators."""
    counter = ParameterCounter()
    backbone = experiment.model.build(counter)
    for name, objective in experiment.objectives.items():
        objective.build(counter, name, backbone)
    for name, objective in experiment.objectives.items():
        objective.build_generator(counter, name, backbone)
    return counter


def line(spec: str, layer: str, role: LayerRole, weight: str, shape: tuple[int, ...]) -> str:
    even = tuple(2 * size for size in shape)
    axis = MODEL_PARALLEL.split_axis(role, weight, even)
    fields = [
        f"{layer}/{weight}",
        "-" if axis is None else str(axis),
        "decay" if role.decays_weight(shape) else "-",
        str(role.distance_to_heads),
        "muon" if role.stack_matrix and len(shape) == 2 else "-",
    ]
    return " ".join([spec, *fields])


@pytest.mark.parametrize("spec", SPECS)
def test_roles_give_what_the_rules_on_names_gave(spec, tmp_path):
    counter = counted(experiment_of(spec, tmp_path))
    lines = [
        line(spec, layer, counter.roles[layer], weight, shape)
        for layer, weights in counter.weights.items()
        for weight, shape in weights.items()
    ]
    assert lines == [old for old in LINES if old.split()[0] == spec]


@pytest.mark.parametrize("spec", ["every_part", "electra_small"])
def test_keras_layers_have_the_roles_that_are_counted(spec, tmp_path):
    experiment = experiment_of(spec, tmp_path)
    counter, graph = counted(experiment), experiment.model_graph().training_graph()
    roles = {layer.name: role_of(layer) for layer in graph.layers if layer.weights}
    assert roles == counter.roles


def test_a_role_is_not_saved(tmp_path):
    model = every_part().build()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert not any(hasattr(layer, "role") for layer in loaded.layers)


def test_the_role_is_known_while_the_weights_are_created():
    class Initializer:
        def kernel(self, inputs, outputs, gain=1.0):
            def initial(shape, dtype=None):
                seen.append(role_being_built())
                return keras.ops.zeros(shape, dtype)

            return initial

    seen, role = [], LayerRole("column", distance_to_heads=3)
    dense(keras.layers, "projection", 4, 6, Initializer(), role=role)
    assert seen == [role]
    assert role_being_built() is None


def test_muon_orthogonalizes_the_matrices_of_stacks_alone(tmp_path):
    experiment = experiment_of("electra_small", tmp_path)
    graph = experiment.model_graph().training_graph()
    recipe = {"optimizer": Muon(type="muon"), "learning_rate": {"type": "constant", "rate": 0.1}}
    recipe |= {"batch": {"examples": 2}, "steps": 1}
    optimizer = build_optimizer(Training.model_validate(recipe), graph)
    moved = {weight.path for weight in graph.weights if not optimizer._should_use_adamw(weight)}
    old = [line.split() for line in LINES if line.startswith("electra_small ")]
    assert moved == {fields[1] for fields in old if fields[-1] == "muon"}


def test_a_layer_without_a_role_is_a_heads():
    assert role_of(keras.layers.Dense(2)) == HEAD
