"""Metrics of a model on batches, during training and for a finished run."""

from archbuilder.batches.batches import Batches
from archbuilder.batches.padding import BatchPadder
from archbuilder.batches.training_data import TrainingData, load_training_data
from archbuilder.errors import UserError
from archbuilder.graph import ModelGraph
from archbuilder.objectives import loss_terms, loss_weights, metrics_from_sums
from archbuilder.text.prepare import ProgressListener
from archbuilder.text.vocabulary import Vocabulary
from archbuilder.training.engines import open_devices
from archbuilder.training.engines.engine import Engine, total_sums
from archbuilder.training.loop.setup import choose_compilation
from archbuilder.training.loop.training_length import TrainingLength
from archbuilder.training.recipe.trained_spec import TrainedSpec


def measure(
    engine: Engine, pad: BatchPadder, batches: Batches, steps: int | None
) -> dict[str, float]:
    """Return the metrics of all batches of an epoch.

    Args:
        engine: The engine of the model.
        pad: Pads the batches.
        batches: The batches.
        steps: Number of steps of the run. Losses have their weights at the last step, so that
            evaluations at different steps are comparable.
    """
    sums = total_sums([engine.measure(pad(batches[number])) for number in range(len(batches))])
    return metrics_from_sums(engine.terms, sums, loss_weights(batches.losses, steps, steps))


def measure_graph(
    experiment: TrainedSpec,
    graph: ModelGraph,
    vocabularies: tuple[Vocabulary, Vocabulary],
    split: str,
) -> dict[str, float]:
    """Return the metrics of a trained model on a split of its experiment's data.

    Args:
        experiment: The spec.
        graph: The model with its trained weights.
        vocabularies: The vocabularies of the source and of the target.
        split: "train" or "validation".

    Raises:
        UserError: The spec lacks the split, or a loss term has no output in the saved model.
    """
    data = load_training_data(experiment, ProgressListener(), vocabularies)
    batches = data.split(split)
    engine, pad = _engine(experiment, graph, data)
    return measure(engine, pad, batches, TrainingLength(experiment.training, data.train).steps)


def _engine(
    experiment: TrainedSpec, graph: ModelGraph, data: TrainingData
) -> tuple[Engine, BatchPadder]:
    """Return an engine for evaluation, on a single device of the current Keras backend."""
    import keras

    changes = {"backend": keras.config.backend(), "distribution": None}
    recipe = experiment.training.model_copy(update=changes)
    devices = open_devices(recipe)
    compiled, _ = choose_compilation(recipe, devices, data.num_lengths())
    terms = loss_terms(data.train.losses)
    model = graph.build_model(packed=True) if recipe.batch.packing else graph.model
    for name in terms.keys() - model.output.keys():
        raise UserError(f"{name!r} cannot be evaluated: its output is not saved with the model")
    pad = BatchPadder(data.train.batch_size, devices.replicas, compiled)
    return devices.engine(model, terms, keras.optimizers.SGD(), None, compiled), pad
