"""Training on TensorFlow: steps are traced once for all batch shapes; mirrored devices."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf
from typing_extensions import override

from archbuilder.errors import UserError
from archbuilder.objectives.loss_term import LossTerm, Sums
from archbuilder.text.batch import Batch
from archbuilder.training.engines.engine import (
    Devices,
    Engine,
    TermSums,
    check_backend,
    loss_scales,
    total_sums,
)
from archbuilder.training.keras_internals import disable_gradient_reduction
from archbuilder.training.recipe.distribution import Distribution


class TensorFlowDevices(Devices):
    """A single device, or several devices of a machine, each with a copy of the model."""

    def __init__(self, distribution: Distribution | None) -> None:
        check_backend("tensorflow")
        gpus = tf.config.list_physical_devices("GPU")
        self.kind = "GPU" if gpus else "CPU"
        self.has_bfloat16 = bool(gpus) and all(map(_computes_in_bfloat16, gpus))
        _grow_memory(gpus)
        self.strategy = None
        if distribution is not None:
            names = _logical_devices(self.kind, distribution.devices)
            self.strategy = tf.distribute.MirroredStrategy(names)
            self.count = self.replicas = len(names)

    @override
    def scope(self) -> AbstractContextManager:
        return self.strategy.scope() if self.strategy else nullcontext()

    @override
    def engine(
        self,
        model: keras.Model,
        terms: Mapping[str, LossTerm],
        optimizer: keras.optimizers.Optimizer,
        clip: float | None,
        compiled: bool,
    ) -> "TensorFlowEngine":
        return TensorFlowEngine(model, terms, optimizer, clip, compiled, self.strategy)


Scales: TypeAlias = Mapping[str, Any]
"""The factor of the summed loss of each term."""


class TensorFlowEngine(Engine):
    """Runs steps on a single device, or on several devices with a `strategy`."""

    def __init__(
        self,
        model: keras.Model,
        terms: Mapping[str, LossTerm],
        optimizer: keras.optimizers.Optimizer,
        clip: float | None,
        compiled: bool,
        strategy: tf.distribute.Strategy | None,
    ) -> None:
        super().__init__(model, terms, optimizer, clip)
        self._compiled, self._strategy = compiled, strategy
        if strategy is not None:
            # Gradients are summed over devices before clipping; Keras would sum them after it.
            disable_gradient_reduction(self.inner_optimizer)
        self._gradients: list[tf.Variable] = []
        self._functions: dict[Callable, Callable] = {}

    @override
    def train(self, batches: list[Batch], rate: float, weights: Mapping[str, float]) -> Sums:
        self.optimizer.learning_rate = rate
        scales = loss_scales(batches, weights)
        if len(batches) == 1:
            sums, norm = self._run(self._step, batches[0], scales)
        else:
            if not self._gradients:
                self._gradients = self._zeros()
            sums = total_sums([self._run(self._accumulate, batch, scales)[0] for batch in batches])
            _, norm = self._run(self._apply)
        self.gradient_norm = norm
        return sums

    @override
    def measure(self, batch: Batch) -> Sums:
        return self._run(self._measure, batch)[0]

    @override
    def _to_numpy(self, variable: keras.Variable) -> np.ndarray:
        return tf.convert_to_tensor(variable.value).numpy()

    def _run(self, function: Callable, *arguments: Batch | Scales) -> tuple[Sums, float]:
        """Return the sums and the gradient norm of `function`, which is traced for any size."""
        arguments = tf.nest.map_structure(tf.convert_to_tensor, arguments)
        if function not in self._functions:
            self._functions[function] = tf.function(
                self._on_all_devices(function),
                input_signature=tf.nest.map_structure(_any_size, arguments),
                autograph=False,
                jit_compile=self._compiled or None,
            )
        sums, norm = self._functions[function](*arguments)
        return {
            name: {key: float(value) for key, value in tensors.items()}
            for name, tensors in sums.items()
        }, float(norm)

    def _on_all_devices(self, function: Callable) -> Callable:
        """Return a function that runs `function` on the rows of each device, and adds up sums."""
        strategy = self._strategy
        if strategy is None:
            return function

        def run(*arguments: Batch | Scales) -> tuple[TermSums, tf.Tensor]:
            sums, norm = strategy.run(lambda: function(*self._own_rows(arguments)))
            sums = tf.nest.map_structure(
                lambda tensor: strategy.reduce("SUM", tensor, axis=None), sums
            )
            return sums, strategy.reduce("MEAN", norm, axis=None)

        return run

    def _own_rows(self, arguments: tuple) -> tuple:
        context = tf.distribute.get_replica_context()
        number, replicas = context.replica_id_in_sync_group, context.num_replicas_in_sync

        def split(array: tf.Tensor) -> tf.Tensor:
            if not array.shape.rank:
                return array
            rows = tf.shape(array)[0] // replicas
            return array[number * rows : (number + 1) * rows]

        return tf.nest.map_structure(split, arguments)

    def _zeros(self) -> list[tf.Variable]:
        """Return variables in which each device accumulates its own gradients."""
        with self._strategy.scope() if self._strategy else nullcontext():
            return [
                tf.Variable(
                    tf.zeros_like(weight),
                    trainable=False,
                    synchronization=tf.VariableSynchronization.ON_READ,
                    aggregation=tf.VariableAggregation.SUM,
                )
                for weight in self.model.trainable_weights
            ]

    def _measure(self, batch: Batch) -> tuple[TermSums, tf.Tensor]:
        return self._compute_sums(batch, training=False), tf.zeros(())

    def _step(self, batch: Batch, scales: Scales) -> tuple[TermSums, tf.Tensor]:
        gradients, sums = self._differentiate(batch, scales)
        return sums, self._update_weights(gradients)

    def _accumulate(self, batch: Batch, scales: Scales) -> tuple[TermSums, tf.Tensor]:
        gradients, sums = self._differentiate(batch, scales)
        for total, gradient in zip(self._gradients, gradients, strict=True):
            total.assign_add(tf.convert_to_tensor(gradient))
        return sums, tf.zeros(())

    def _apply(self) -> tuple[TermSums, tf.Tensor]:
        norm = self._update_weights([total.read_value() for total in self._gradients])
        for total in self._gradients:
            total.assign(tf.zeros_like(total))
        return {}, norm

    def _update_weights(self, gradients: list) -> tf.Tensor:
        # Add up gradients of equal ids of an embedding; Keras would square them separately.
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        if self._strategy is not None:
            gradients = tf.distribute.get_replica_context().all_reduce("SUM", gradients)
        gradients, norm = self._clipped(gradients)
        self.optimizer.apply(gradients, self.model.trainable_variables)
        return norm

    def _differentiate(self, batch: Batch, scales: Scales) -> tuple[list, TermSums]:
        weights = [variable.value for variable in self.model.trainable_variables]
        with tf.GradientTape() as tape:
            sums = self._compute_sums(batch, training=True)
            loss = self.optimizer.scale_loss(self._loss(sums, scales))
        return tape.gradient(loss, weights), sums

    def _compute_sums(self, batch: Batch, training: bool) -> TermSums:
        return self._sums(self.model(batch.inputs, training=training), batch, training)


def _any_size(tensor: tf.Tensor) -> tf.TensorSpec:
    return tf.TensorSpec([None] * len(tensor.shape), tensor.dtype)


def _logical_devices(kind: str, requested: int | None) -> list[str]:
    """Return the names of `requested` devices; a CPU is divided into logical devices.

    Args:
        kind: CPU or GPU.
        requested: Number of devices. Default: all devices.
    """
    physical = tf.config.list_physical_devices(kind)
    if kind == "CPU" and requested:
        try:
            logical = [tf.config.LogicalDeviceConfiguration()] * requested
            tf.config.set_logical_device_configuration(physical[0], logical)
        except RuntimeError:  # TensorFlow is initialized already; their number cannot change.
            pass
    names = [device.name for device in tf.config.list_logical_devices(kind)]
    if requested and requested > len(names):
        raise UserError(
            f"training.distribution.devices: requires {requested} devices, but this machine has "
            f"{len(names)} ({kind})"
        )
    return names[:requested]


def _grow_memory(gpus: list) -> None:
    for gpu in gpus:
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:  # The GPU is initialized already.
            return


def _computes_in_bfloat16(gpu: tf.config.PhysicalDevice) -> bool:
    """Return whether the compute capability is at least 8.0 (Ampere)."""
    details = tf.config.experimental.get_device_details(gpu)
    return details.get("compute_capability", (0, 0)) >= (8, 0)
