"""Preparation of a model and its data for `keras.Model.fit`."""

from typing import Any

import keras

from archbuilder.batches.padding import BatchPadder
from archbuilder.batches.training_data import TrainingData, load_training_data
from archbuilder.errors import UserError
from archbuilder.objectives import loss_terms, training_losses
from archbuilder.text.prepare import ProgressListener
from archbuilder.training.fit.dataset import EvaluationDataset, FitDataset, TrainingDataset
from archbuilder.training.fit.learning_rate import RateByStep
from archbuilder.training.fit.loss import TermLoss
from archbuilder.training.loop.training_length import TrainingLength
from archbuilder.training.recipe.parameter_groups import build_optimizer
from archbuilder.training.recipe.recipe import Training
from archbuilder.training.recipe.trained_spec import TrainedSpec


def make_dataset(experiment: TrainedSpec, split: str) -> FitDataset:
    """Return a split of the data as a dataset for `keras.Model.fit` and `evaluate`.

    Args:
        experiment: The spec.
        split: "train" or "validation".

    Raises:
        UserError: The spec lacks the split, or has a setting that `fit` does not support.
    """
    recipe = experiment.training
    _require_supported(recipe)
    data = load_training_data(experiment, ProgressListener())
    batches = data.split(split)
    padder = BatchPadder(data.train.batch_size, replicas=1, compiled=_uses_jit(recipe))
    dataset_class = TrainingDataset if split == "train" else EvaluationDataset
    return dataset_class(batches, padder, _num_steps(recipe, data))


def compile_model(experiment: TrainedSpec, model: keras.Model) -> None:
    """Compile a model in place with the losses and the optimizer of a spec.

    Args:
        experiment: The spec.
        model: The model, built from the spec.

    Raises:
        UserError: The spec has a setting that `fit` does not support, or an objective whose loss
            needs more than the outputs of the model.
    """
    recipe = experiment.training
    _require_supported(recipe)
    terms = loss_terms(training_losses(experiment.model, experiment.objectives))
    for name in terms.keys() - model.output.keys():
        raise UserError(
            f"objectives: 'fit' cannot train {name!r}, which is not an output of the model"
        )
    model.compile(
        optimizer=_optimizer(experiment, model),
        loss={name: TermLoss(name, term) for name, term in terms.items()},
        jit_compile=_uses_jit(recipe),
    )


def _optimizer(experiment: TrainedSpec, model: keras.Model) -> keras.optimizers.Optimizer:
    recipe = experiment.training
    steps = _num_steps(recipe, load_training_data(experiment, ProgressListener()))
    dim = experiment.model.hidden_dim
    optimizer = build_optimizer(recipe, model)
    optimizer.learning_rate = RateByStep(
        [recipe.learning_rate.rate_at(step, steps, dim) for step in range(1, steps + 1)]
    )
    optimizer.global_clipnorm = recipe.global_clipnorm
    if keras.config.backend() == "tensorflow":
        _densify_gradients(optimizer)
    return optimizer


def _densify_gradients(optimizer: keras.optimizers.Optimizer) -> None:
    """Make `apply` convert sparse gradients of embeddings (`tf.IndexedSlices`) to dense tensors.

    The conversion sums the gradients of a token that occurs several times. Keras would square them
    before the sum, which gives a wrong second moment.
    """
    import tensorflow as tf

    apply = optimizer.apply

    def apply_dense(grads: list[Any], trainable_variables: Any = None) -> None:
        dense = [None if grad is None else tf.convert_to_tensor(grad) for grad in grads]
        apply(dense, trainable_variables)

    optimizer.apply = apply_dense


def _num_steps(recipe: Training, data: TrainingData) -> int:
    steps = TrainingLength(recipe, data.train).steps
    if steps is None:
        raise _unsupported("minutes")
    return steps


def _uses_jit(recipe: Training) -> bool:
    return recipe.backend == "jax" or bool(recipe.jit_compile)


def _require_supported(recipe: Training) -> None:
    unsupported_settings = {
        "batch.gradient_accumulation_steps": recipe.batch.gradient_accumulation_steps > 1,
        "batch.packing": recipe.batch.packing,
        "distribution": recipe.distribution is not None,
    }
    for setting in filter(unsupported_settings.get, unsupported_settings):
        raise _unsupported(setting)


def _unsupported(setting: str) -> UserError:
    return UserError(f"training.{setting}: not supported by 'fit'; use 'archbuild train'")
