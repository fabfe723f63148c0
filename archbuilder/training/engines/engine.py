"""The interfaces of devices and engines, which run training steps and evaluations on batches."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeAlias

import keras
import numpy as np
from keras import ops

from archbuilder.errors import UserError
from archbuilder.objectives.loss_term import LossTerm, Sums, Tensor
from archbuilder.text.batch import Batch
from archbuilder.training.engines.variable_names import name_variables, require_same_variables
from archbuilder.training.keras_internals import moving_average

TermSums: TypeAlias = dict[str, dict[str, Tensor]]
"""Sums over targets, such as loss and count, by loss term; as tensors."""


class Devices(ABC):
    """The interface of the devices of a run."""

    kind: str
    """Kind of the devices: CPU, GPU or TPU."""
    has_bfloat16: bool
    """Whether the devices compute in bfloat16 faster than in float32."""
    count: int = 1
    """Number of devices, over all processes."""
    replicas: int = 1
    """Number of devices, or groups of devices, that process different rows of a batch."""
    process: int = 0
    """Index of this process; process 0 writes the run folder."""
    processes: int = 1
    """Number of processes that train together."""

    def __str__(self) -> str:
        devices = self.kind if self.count == 1 else f"{self.count} x {self.kind}"
        return devices if self.processes == 1 else f"{devices} of {self.processes} processes"

    @abstractmethod
    def engine(
        self,
        model: keras.Model,
        terms: Mapping[str, LossTerm],
        optimizer: keras.optimizers.Optimizer,
        clip: float | None,
        compiled: bool,
    ) -> "Engine":
        """Return an engine for a model and an optimizer that were created within `scope`.

        Args:
            model: The model to train.
            terms: The loss terms by name, in the order of their sum.
            optimizer: The optimizer, built for the model.
            clip: Maximum norm of the gradient. None disables clipping.
            compiled: Whether XLA compiles the steps.
        """

    def scope(self) -> AbstractContextManager:
        """Return the context in which models and optimizers must be created."""
        return nullcontext()

    def barrier(self, name: str) -> None:  # noqa: B027  A single process never waits.
        """Wait until all processes have reached the barrier with this name."""

    def any_process(self, flag: bool) -> bool:
        """Return whether the flag is true in any process."""
        return flag


class Engine(ABC):
    """The interface of engines.

    The loss of a term is its sum over all weighted targets of the effective batch, divided by
    their number and multiplied by the weight of the term. The effective batch consists of all
    micro-batches on all devices.
    """

    gradient_norm: float = 0.0
    """Norm of the gradient of the last step, before clipping. It is not finite if the step was
    skipped because of a float16 overflow."""

    def __init__(
        self,
        model: keras.Model,
        terms: Mapping[str, LossTerm],
        optimizer: keras.optimizers.Optimizer,
        clip: float | None,
    ) -> None:
        self.model, self.terms, self.optimizer, self.clip = model, terms, optimizer, clip

    @abstractmethod
    def train(self, batches: list[Batch], rate: float, weights: Mapping[str, float]) -> Sums:
        """Run one optimizer step on the micro-batches, and return the sums of each loss term.

        Args:
            batches: The micro-batches of the step.
            rate: The learning rate.
            weights: The weight of each loss term.
        """

    @abstractmethod
    def measure(self, batch: Batch) -> Sums:
        """Return the sums of each loss term that is evaluated, without dropout."""

    @property
    def inner_optimizer(self) -> keras.optimizers.Optimizer:
        """The optimizer without its loss scaling."""
        return getattr(self.optimizer, "inner_optimizer", self.optimizer)

    @property
    def scales_losses(self) -> bool:
        """Whether the loss is scaled, and steps that overflow are skipped."""
        return self.inner_optimizer is not self.optimizer

    def sync_variables(self) -> None:  # noqa: B027  Some engines update them in place.
        """Copy the current state to the Keras variables, which may be of an earlier step."""

    def nonfinite_weights(self) -> list[str]:
        """Return the paths of weights that contain NaN or infinity."""
        self.sync_variables()
        return [
            weight.path
            for weight in self.model.weights
            if not bool(ops.all(ops.isfinite(ops.cast(weight, "float32"))))
        ]

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Assign the averaged weights to the model within the context, if there are any."""
        self.sync_variables()
        weights = self.model.trainable_variables
        values = [self._to_numpy(weight) for weight in weights]
        averages = averages_of(self.inner_optimizer, weights, values)
        if averages is None:
            yield
            return
        self._assign(weights, averages)
        try:
            yield
        finally:
            self._assign(weights, values)

    def _assign(self, weights: list[keras.Variable], values: list[np.ndarray]) -> None:
        for weight, value in zip(weights, values, strict=True):
            weight.assign(value)

    def snapshot(self) -> dict[str, np.ndarray]:
        """Return weights, optimizer state and random generator state, as arrays by name."""
        self.sync_variables()
        return {
            name: self._to_numpy(variable)
            for name, variable in name_variables(self.model, self.optimizer).items()
        }

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Assign a snapshot. Raise `UserError` if a name or a shape differs."""
        variables = name_variables(self.model, self.optimizer)
        require_same_variables(variables, arrays)
        for name, variable in variables.items():
            variable.assign(arrays[name])

    def _to_numpy(self, variable: keras.Variable) -> np.ndarray:
        return np.asarray(variable)

    def _clipped(self, gradients: list[Tensor]) -> tuple[list[Tensor], Tensor]:
        """Return the gradients, clipped by their global norm, and the norm before clipping."""
        scale = self.optimizer.scale_loss(1.0)
        norm = ops.sqrt(sum(ops.sum(ops.square(gradient)) for gradient in gradients)) / scale
        if self.clip is None:
            return gradients, norm
        factor = self.clip / ops.maximum(norm, self.clip)
        return [gradient * factor for gradient in gradients], norm

    def _sums(self, outputs: Mapping[str, Tensor], batch: Batch, training: bool) -> TermSums:
        return {
            name: term.sums(outputs, batch.targets[name])
            for name, term in self.terms.items()
            if training or not term.training_only
        }

    def _loss(self, sums: TermSums, scales: Mapping[str, Tensor]) -> Tensor:
        return sum(term_sums["loss"] * scales[name] for name, term_sums in sums.items())


def loss_scales(batches: Sequence[Batch], weights: Mapping[str, float]) -> dict[str, np.float32]:
    """Return the factor of the summed loss of each term: its weight divided by its target count.

    Args:
        batches: All micro-batches of the effective batch.
        weights: The weight of each loss term.
    """
    counts = {name: sum(batch.targets[name].weights.sum() for batch in batches) for name in weights}
    return {name: np.float32(weights[name] / max(count, 1)) for name, count in counts.items()}


def total_sums(sums: Sequence[Sums]) -> Sums:
    """Return the total of sums over several batches, by loss term and key."""
    return {
        name: {key: sum(batch_sums[name][key] for batch_sums in sums) for key in keys}
        for name, keys in sums[0].items()
    }


def averages_of(
    optimizer: Any, weights: list[keras.Variable], values: list[np.ndarray]
) -> list[np.ndarray] | None:
    """Return the averages of weights; None if the optimizer does not average.

    Args:
        optimizer: The optimizer, without loss scaling.
        weights: The weights.
        values: The current values of the weights.
    """
    if hasattr(optimizer, "averages"):
        return optimizer.averages(weights, values)
    if not optimizer.use_ema:
        return None
    return [ops.convert_to_numpy(moving_average(optimizer, weight)) for weight in weights]


def check_backend(backend: str) -> None:
    """Raise `UserError` if Keras runs on another backend in this process."""
    current = keras.config.backend()
    if current != backend:
        raise UserError(
            f"training.backend: is {backend}, but Keras runs on {current} in this process; "
            f"set the environment variable KERAS_BACKEND={backend}"
        )
