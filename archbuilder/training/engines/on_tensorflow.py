"""Steps on TensorFlow, traced once for all batch sizes and lengths; several devices mirrored."""

from contextlib import AbstractContextManager, nullcontext

import tensorflow as tf

from archbuilder.errors import UserError
from archbuilder.training.engines.engine import (
    Devices,
    Engine,
    added,
    check_backend,
)


class TensorFlowDevices(Devices):
    """One device, or several of one machine that hold a copy of the model each."""

    def __init__(self, distribution):
        check_backend("tensorflow")
        found = tf.config.list_physical_devices("GPU")
        self.kind = "GPU" if found else "CPU"
        self.has_bfloat16 = bool(found) and all(map(_computes_in_bfloat16, found))
        _grow_memory(found)
        self.strategy = None
        if distribution is not None:
            names = _logical_devices(self.kind, distribution.devices)
            self.strategy = tf.distribute.MirroredStrategy(names)
            self.count = self.replicas = len(names)

    def scope(self) -> AbstractContextManager:
        return self.strategy.scope() if self.strategy else nullcontext()

    def engine(self, model, objectives, optimizer, clip, compiled):
        return TensorFlowEngine(model, objectives, optimizer, clip, compiled, self.strategy)


class TensorFlowEngine(Engine):
    """One device, or a `strategy` of several."""

    def __init__(self, model, objectives, optimizer, clip, compiled, strategy):
        super().__init__(model, objectives, optimizer, clip)
        self._compiled, self._strategy = compiled, strategy
        if strategy is not None:
            # Keras would add up gradients after clipping: here they come added up and clipped.
            self.inner_optimizer._all_reduce_sum_gradients = lambda pairs: pairs
        self._gradients: list = []
        self._functions: dict = {}

    def train(self, batches: list[dict], rate: float, weights: dict[str, float]) -> dict:
        self.optimizer.learning_rate = rate
        batches = self._prepared(batches, weights)
        if len(batches) == 1:
            sums, norm = self._run(self._step, batches[0])
        else:
            if not self._gradients:
                self._gradients = self._zeros()
            sums = added([self._run(self._accumulate, batch)[0] for batch in batches])
            _, norm = self._run(self._apply, {})
        self.gradient_norm = norm
        return sums

    def measure(self, batch: dict) -> dict:
        return self._run(self._measure, batch)[0]

    def _whole(self, variable):
        return tf.convert_to_tensor(variable.value).numpy()

    def _run(self, function, batch: dict) -> tuple[dict, float]:
        """The sums of `function`, and the gradient's norm, on a batch."""
        batch = {name: tf.convert_to_tensor(value) for name, value in batch.items()}
        if function not in self._functions:
            signature = {
                name: tf.TensorSpec([None] * len(value.shape), value.dtype, name=name)
                for name, value in batch.items()
            }
            self._functions[function] = tf.function(
                self._on_all_devices(function),
                input_signature=[signature],
                autograph=False,
                jit_compile=self._compiled or None,
            )
        sums, norm = self._functions[function](batch)
        return {
            name: {key: float(value) for key, value in scores.items()}
            for name, scores in sums.items()
        }, float(norm)

    def _on_all_devices(self, function):
        """`function`, on each device with its own rows of the batch, and its sums added up."""
        strategy = self._strategy
        if strategy is None:
            return function

        def run(batch):
            sums, norm = strategy.run(lambda: function(self._own_rows(batch)))
            sums = tf.nest.map_structure(lambda one: strategy.reduce("SUM", one, axis=None), sums)
            return sums, strategy.reduce("MEAN", norm, axis=None)

        return run

    def _own_rows(self, batch):
        context = tf.distribute.get_replica_context()
        number, replicas = context.replica_id_in_sync_group, context.num_replicas_in_sync

        def own(array):
            if not array.shape.rank:
                return array
            rows = tf.shape(array)[0] // replicas
            return array[number * rows : (number + 1) * rows]

        return {name: own(array) for name, array in batch.items()}

    def _zeros(self):
        """Where gradients are added up: by each device for itself."""
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

    def _measure(self, batch):
        return self._scored(batch, training=False), tf.zeros(())

    def _step(self, batch):
        gradients, scores = self._differentiate(batch)
        return scores, self._move(gradients)

    def _accumulate(self, batch):
        gradients, scores = self._differentiate(batch)
        for total, gradient in zip(self._gradients, gradients, strict=True):
            total.assign_add(tf.convert_to_tensor(gradient))
        return scores, tf.zeros(())

    def _apply(self, _):
        norm = self._move([total.read_value() for total in self._gradients])
        for total in self._gradients:
            total.assign(tf.zeros_like(total))
        return {}, norm

    def _move(self, gradients):
        # One gradient for each row of a table: Keras would square those of one id one by one.
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        if self._strategy is not None:
            gradients = tf.distribute.get_replica_context().all_reduce("SUM", gradients)
        gradients, norm = self._clipped(gradients)
        self.optimizer.apply(gradients, self.model.trainable_variables)
        return norm

    def _differentiate(self, batch):
        weights = [variable.value for variable in self.model.trainable_variables]
        with tf.GradientTape() as tape:
            scores = self._scored(batch, training=True)
            loss = self.optimizer.scale_loss(self._loss(scores, batch))
        return tape.gradient(loss, weights), scores

    def _scored(self, batch, training):
        inputs = {name: batch[name] for name in self.inputs}
        return self._scores(self.model(inputs, training=training), batch)


def _logical_devices(kind: str, wanted: int | None) -> list[str]:
    """So many GPUs, or all; without a GPU, so many parts of the CPU, to try things out."""
    found = tf.config.list_physical_devices(kind)
    if kind == "CPU" and wanted:
        try:
            parts = [tf.config.LogicalDeviceConfiguration()] * wanted
            tf.config.set_logical_device_configuration(found[0], parts)
        except RuntimeError:  # TensorFlow runs already, with as many as it has.
            pass
    names = [device.name for device in tf.config.list_logical_devices(kind)]
    if wanted and wanted > len(names):
        raise UserError(
            f"training.distribution.devices is {wanted}, and there are {len(names)} ({kind})"
        )
    return names[:wanted]


def _grow_memory(gpus) -> None:
    for gpu in gpus:
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:  # It is in use already, as whoever uses it chose.
            return


def _computes_in_bfloat16(gpu) -> bool:
    """Compute capability 8.0 (Ampere) and later."""
    details = tf.config.experimental.get_device_details(gpu)
    return details.get("compute_capability", (0, 0)) >= (8, 0)
