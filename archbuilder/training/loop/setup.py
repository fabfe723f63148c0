"""Choose precision and compilation, and build the model, its optimizer and its engine."""

from dataclasses import dataclass

import keras

from archbuilder.batches.padding import BatchPadder
from archbuilder.batches.training_data import TrainingData
from archbuilder.graph import ModelGraph
from archbuilder.objectives import LossTerm, loss_terms
from archbuilder.training.engines.engine import Devices, Engine
from archbuilder.training.recipe import precision
from archbuilder.training.recipe.parameter_groups import build_optimizer
from archbuilder.training.recipe.recipe import Training
from archbuilder.training.recipe.trained_spec import TrainedSpec

MAX_COMPILED_LENGTHS = 16
"""Each batch length is compiled separately, which takes a minute for a large model."""


@dataclass(frozen=True)
class TrainingSetup:
    """The model of a run, the engine that trains it, and the choices behind them."""

    devices: Devices
    graph: ModelGraph
    """The built network; `graph.model` is the model that is saved."""
    training_graph: keras.Model
    """The model that is trained, on the same weights: it may read packed rows or a generator."""
    terms: dict[str, LossTerm]
    """The loss terms that are added up in training."""
    engine: Engine
    pad: BatchPadder
    choices: str
    """Devices, precision and compilation with their reasons, for the header of the run."""


def set_up(experiment: TrainedSpec, data: TrainingData, devices: Devices) -> TrainingSetup:
    """Return the setup of a run; sets Keras's random seed and its dtype policy."""
    recipe = experiment.training
    policy, reason = precision.choose_policy(recipe.precision, devices)
    compiled, compilation = choose_compilation(recipe, devices, data.num_lengths())
    keras.utils.set_random_seed(recipe.seed)
    keras.config.set_dtype_policy(policy)
    with devices.scope():
        graph = experiment.model_graph()
        training_graph = graph.training_graph(recipe.batch.packing)
        optimizer = build_optimizer(recipe, training_graph)
        optimizer = precision.with_loss_scaling(optimizer, policy, training_graph)
    terms = loss_terms(data.train.losses)
    return TrainingSetup(
        devices,
        graph,
        training_graph,
        terms,
        devices.engine(training_graph, terms, optimizer, recipe.global_clipnorm, compiled),
        BatchPadder(data.train.batch_size, devices.replicas, compiled),
        f"{devices}, {policy} ({reason}), {compilation}",
    )


def choose_compilation(recipe: Training, devices: Devices, num_lengths: int) -> tuple[bool, str]:
    """Return whether XLA compiles the steps, and why; batches have `num_lengths` lengths."""
    if recipe.backend == "jax":
        return True, f"compiled for {num_lengths} lengths"
    if recipe.jit_compile is not None:
        return recipe.jit_compile, "compiled" if recipe.jit_compile else "not compiled"
    if devices.kind == "CPU" or devices.count > 1:
        return False, "not compiled"
    if num_lengths > MAX_COMPILED_LENGTHS:
        return False, f"not compiled: batches have {num_lengths} lengths (batch.pad_to_multiple_of)"
    return True, f"compiled for {num_lengths} lengths"
