"""Setup of a run: precision, compilation, model, optimizer and engine."""

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
"""Maximum number of batch lengths for which steps are compiled by default.

Each length is compiled separately, which takes a minute for a large model."""


@dataclass(frozen=True)
class TrainingSetup:
    """The model of a run and the engine that trains it."""

    devices: Devices
    graph: ModelGraph
    """The layers of the spec; `graph.model` is the model that is saved."""
    training_graph: keras.Model
    """The model that is trained, with the same weights; it may take packed rows, or include a
    generator."""
    terms: dict[str, LossTerm]
    """The loss terms, whose weighted sum is the training loss."""
    engine: Engine
    pad: BatchPadder
    choices: str
    """Devices, precision and compilation, with their reasons, for the header of the run."""


def set_up(experiment: TrainedSpec, data: TrainingData, devices: Devices) -> TrainingSetup:
    """Build the model of a run and its engine; set the random seed and dtype policy of Keras.

    Args:
        experiment: The spec.
        data: The training data.
        devices: The devices of the run.
    """
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
    """Return whether XLA compiles the steps, and the reason.

    Args:
        recipe: The training recipe.
        devices: The devices of the run.
        num_lengths: Number of different batch lengths.
    """
    if recipe.backend == "jax":
        return True, f"compiled for {num_lengths} lengths"
    if recipe.jit_compile is not None:
        return recipe.jit_compile, "compiled" if recipe.jit_compile else "not compiled"
    if devices.kind == "CPU" or devices.count > 1:
        return False, "not compiled"
    if num_lengths > MAX_COMPILED_LENGTHS:
        return False, f"not compiled: {num_lengths} batch lengths (see batch.pad_to_multiple_of)"
    return True, f"compiled for {num_lengths} lengths"
