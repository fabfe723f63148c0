"""Measure a model on batches, during training and of a run that is over."""

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
        engine: The engine with the model.
        pad: Pads the batches.
        batches: The batches.
        steps: The number of steps of the run; the losses have the weights of the last one, so that
            evaluations can be compared.
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
        graph: The network with the trained weights.
        vocabularies: The vocabularies of the source and of the target.
        split: "train" or "validation".

    Raises:
        UserError: The spec lacks the split, or the model is not all that was trained.
    """
    data = load_training_data(experiment, ProgressListener(), vocabularies)
    batches = data.split(split)
    engine, pad = _engine(experiment, graph, data)
    return measure(engine, pad, batches, TrainingLength(experiment.training, data.train).steps)


def _engine(
    experiment: TrainedSpec, graph: ModelGraph, data: TrainingData
) -> tuple[Engine, BatchPadder]:
    """Return an engine that measures, on one device of whatever backend Keras runs on."""
    import keras

    here = {"backend": keras.config.backend(), "distribution": None}
    recipe = experiment.training.model_copy(update=here)
    devices = open_devices(recipe)
    compiled, _ = choose_compilation(recipe, devices, data.num_lengths())
    terms = loss_terms(data.train.losses)
    model = graph.build_model(packed=True) if recipe.batch.packing else graph.model
    for name in terms.keys() - model.output.keys():
        raise UserError(f"{name!r} cannot be measured: it is trained and not saved with the model")
    pad = BatchPadder(data.train.batch_size, devices.replicas, compiled)
    return devices.engine(model, terms, keras.optimizers.SGD(), None, compiled), pad
