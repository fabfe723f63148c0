"""Steps on TensorFlow, traced once for all batch sizes and lengths; several devices mirrored."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf

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
    """One device, or several of one machine, each of which holds a copy of the model."""

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

    def scope(self) -> AbstractContextManager:
        return self.strategy.scope() if self.strategy else nullcontext()

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
"""What the summed loss of each term is multiplied by."""


class TensorFlowEngine(Engine):
    """One device, or a `strategy` of several."""

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
            # Keras would add up gradients after clipping: here they are added up before it.
            disable_gradient_reduction(self.inner_optimizer)
        self._gradients: list[tf.Variable] = []
        self._functions: dict[Callable, Callable] = {}

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

    def measure(self, batch: Batch) -> Sums:
        return self._run(self._measure, batch)[0]

    def _to_numpy(self, variable: keras.Variable) -> np.ndarray:
        return tf.convert_to_tensor(variable.value).numpy()

    def _run(self, function: Callable, *arguments: Batch | Scales) -> tuple[Sums, float]:
        """Return the sums of `function` and the norm of the gradient; sizes may be any."""
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
            name: {key: float(value) for key, value in own.items()} for name, own in sums.items()
        }, float(norm)

    def _on_all_devices(self, function: Callable) -> Callable:
        """Return `function` run by each device on its own rows; its sums are added up."""
        strategy = self._strategy
        if strategy is None:
            return function

        def run(*arguments: Batch | Scales) -> tuple[TermSums, tf.Tensor]:
            sums, norm = strategy.run(lambda: function(*self._own_rows(arguments)))
            sums = tf.nest.map_structure(lambda one: strategy.reduce("SUM", one, axis=None), sums)
            return sums, strategy.reduce("MEAN", norm, axis=None)

        return run

    def _own_rows(self, arguments: tuple) -> tuple:
        context = tf.distribute.get_replica_context()
        number, replicas = context.replica_id_in_sync_group, context.num_replicas_in_sync

        def own(array: tf.Tensor) -> tf.Tensor:
            if not array.shape.rank:
                return array
            rows = tf.shape(array)[0] // replicas
            return array[number * rows : (number + 1) * rows]

        return tf.nest.map_structure(own, arguments)

    def _zeros(self) -> list[tf.Variable]:
        """Return variables in which each device adds up its own gradients."""
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
        return self._scored(batch, training=False), tf.zeros(())

    def _step(self, batch: Batch, scales: Scales) -> tuple[TermSums, tf.Tensor]:
        gradients, sums = self._differentiate(batch, scales)
        return sums, self._move(gradients)

    def _accumulate(self, batch: Batch, scales: Scales) -> tuple[TermSums, tf.Tensor]:
        gradients, sums = self._differentiate(batch, scales)
        for total, gradient in zip(self._gradients, gradients, strict=True):
            total.assign_add(tf.convert_to_tensor(gradient))
        return sums, tf.zeros(())

    def _apply(self) -> tuple[TermSums, tf.Tensor]:
        norm = self._move([total.read_value() for total in self._gradients])
        for total in self._gradients:
            total.assign(tf.zeros_like(total))
        return {}, norm

    def _move(self, gradients: list) -> tf.Tensor:
        # Merged gradients of table rows: Keras would square repeated ids one by one.
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        if self._strategy is not None:
            gradients = tf.distribute.get_replica_context().all_reduce("SUM", gradients)
        gradients, norm = self._clipped(gradients)
        self.optimizer.apply(gradients, self.model.trainable_variables)
        return norm

    def _differentiate(self, batch: Batch, scales: Scales) -> tuple[list, TermSums]:
        weights = [variable.value for variable in self.model.trainable_variables]
        with tf.GradientTape() as tape:
            sums = self._scored(batch, training=True)
            loss = self.optimizer.scale_loss(self._loss(sums, scales))
        return tape.gradient(loss, weights), sums

    def _scored(self, batch: Batch, training: bool) -> TermSums:
        return self._sums(self.model(batch.inputs, training=training), batch, training)


def _any_size(tensor: tf.Tensor) -> tf.TensorSpec:
    return tf.TensorSpec([None] * len(tensor.shape), tensor.dtype)


def _logical_devices(kind: str, requested: int | None) -> list[str]:
    """Return the names of `requested` devices, or of all; a CPU is divided into as many."""
    physical = tf.config.list_physical_devices(kind)
    if kind == "CPU" and requested:
        try:
            parts = [tf.config.LogicalDeviceConfiguration()] * requested
            tf.config.set_logical_device_configuration(physical[0], parts)
        except RuntimeError:  # TensorFlow is initialized already, with as many as it has.
            pass
    names = [device.name for device in tf.config.list_logical_devices(kind)]
    if requested and requested > len(names):
        raise UserError(
            f"training.distribution.devices is {requested}, and there are {len(names)} ({kind})"
        )
    return names[:requested]


def _grow_memory(gpus: list) -> None:
    for gpu in gpus:
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:  # It is in use already, with the setting it was opened with.
            return


def _computes_in_bfloat16(gpu: tf.config.PhysicalDevice) -> bool:
    """Return whether the compute capability is 8.0 (Ampere) or later."""
    details = tf.config.experimental.get_device_details(gpu)
    return details.get("compute_capability", (0, 0)) >= (8, 0)
