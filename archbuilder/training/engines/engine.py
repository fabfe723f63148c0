"""The interfaces of devices and engines: optimizer steps and evaluations of a model on batches."""

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
"""The sums of each loss term, while they are tensors."""


class Devices(ABC):
    """The interface of the devices that a run computes on."""

    kind: str
    """CPU, GPU or TPU."""
    has_bfloat16: bool
    """Whether bfloat16 is faster than float32."""
    count: int = 1
    """Number of devices of all processes."""
    replicas: int = 1
    """Number of devices, or groups of devices, that read different rows of a batch."""
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
        """Return an engine for a model and an optimizer that were made within `scope`.

        Args:
            model: The graph that is trained.
            terms: Its loss terms, in the order in which they are added up.
            optimizer: The optimizer, built for the model.
            clip: The largest norm of the gradient; None: it is not clipped.
            compiled: Whether XLA compiles the steps.
        """

    def scope(self) -> AbstractContextManager:
        """Return the context in which models and optimizers must be made."""
        return nullcontext()

    def barrier(self, name: str) -> None:  # noqa: B027, as a single process never waits
        """Wait until all processes have reached the barrier of this name."""

    def any_process(self, flag: bool) -> bool:
        """Return whether the flag is true in any process."""
        return flag


class Engine(ABC):
    """The interface of engines.

    The loss of a term is the sum over the targets that count, divided by their number in the whole
    effective batch, over all micro-batches and devices; then multiplied by its weight.
    """

    gradient_norm: float = 0.0
    """Norm of the last step's gradient, before clipping; not finite where float16 overflowed, and
    the step was skipped."""

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
        """Take one step on the micro-batches, and return the sums of each loss term.

        Args:
            batches: The micro-batches of the step.
            rate: The learning rate.
            weights: What the loss of each term is multiplied by.
        """

    @abstractmethod
    def measure(self, batch: Batch) -> Sums:
        """Return the sums of each loss term that is evaluated, with dropout off."""

    @property
    def inner_optimizer(self) -> keras.optimizers.Optimizer:
        """The optimizer below loss scaling."""
        return getattr(self.optimizer, "inner_optimizer", self.optimizer)

    @property
    def scales_losses(self) -> bool:
        """Whether a step may overflow, and is skipped then."""
        return self.inner_optimizer is not self.optimizer

    def sync_variables(self) -> None:  # noqa: B027, as some engines update them in place
        """Bring the Keras variables up to date; until then they may be those of an earlier step."""

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
        """Give the model its averaged weights within the context, if the optimizer has any."""
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
        """Return weights, optimizer state and the state of every random generator, by name."""
        self.sync_variables()
        return {
            name: self._to_numpy(variable)
            for name, variable in name_variables(self.model, self.optimizer).items()
        }

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Assign a snapshot. Raise `UserError` if a name or a shape differs from the model's."""
        variables = name_variables(self.model, self.optimizer)
        require_same_variables(variables, arrays)
        for name, variable in variables.items():
            variable.assign(arrays[name])

    def _to_numpy(self, variable: keras.Variable) -> np.ndarray:
        return np.asarray(variable)

    def _clipped(self, gradients: list[Tensor]) -> tuple[list[Tensor], Tensor]:
        """Return gradients scaled down, all together, to the norm `clip`; and their norm before."""
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
        return sum(own["loss"] * scales[name] for name, own in sums.items())


def loss_scales(batches: Sequence[Batch], weights: Mapping[str, float]) -> dict[str, np.float32]:
    """Return what the summed loss of each term is multiplied by: weight / count.

    The count is that of the whole effective batch.
    """
    counts = {name: sum(batch.targets[name].weights.sum() for batch in batches) for name in weights}
    return {name: np.float32(weights[name] / max(count, 1)) for name, count in counts.items()}


def total_sums(sums: Sequence[Sums]) -> Sums:
    """Return sums over batches, added up by loss term and key."""
    return {
        name: {key: sum(one[name][key] for one in sums) for key in own}
        for name, own in sums[0].items()
    }


def averages_of(
    optimizer: Any, weights: list[keras.Variable], values: list[np.ndarray]
) -> list[np.ndarray] | None:
    """Return the averages of weights that an optimizer keeps, if it does.

    `values` are those that the weights have now.
    """
    if hasattr(optimizer, "averages"):
        return optimizer.averages(weights, values)
    if not optimizer.use_ema:
        return None
    return [ops.convert_to_numpy(moving_average(optimizer, weight)) for weight in weights]


def check_backend(engine: str) -> None:
    """Raise `UserError` if this process has loaded Keras with another backend."""
    backend = keras.config.backend()
    if backend != engine:
        raise UserError(
            f"training.backend is {engine}, and Keras runs on {backend} in this process: "
            f"set KERAS_BACKEND={engine}"
        )
