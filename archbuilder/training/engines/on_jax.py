"""Steps on JAX, compiled for each shape of batch; on several devices, in one process or in many."""

import jax
import keras
import numpy as np

from archbuilder.errors import UserError
from archbuilder.network.layer_role import role_being_built
from archbuilder.training.engines.engine import (
    Devices,
    Engine,
    added,
    check_backend,
)


class JaxDevices(Devices):
    """One device, or a mesh of several: rows are spread along its first axis."""

    def __init__(self, distribution, processes):
        check_backend("jax")
        if processes is not None:
            _join(processes)
        _divide_the_cpu(distribution)
        found = jax.devices()
        self.kind = {"cuda": "GPU", "rocm": "GPU"}.get(found[0].platform, found[0].platform.upper())
        self.has_bfloat16 = self.kind == "TPU" or _compute_capability(found[0]) >= 8.0
        self.process, self.processes = jax.process_index(), jax.process_count()
        self.mesh = None
        keras.distribution.set_distribution(None)
        if distribution is not None:
            self._spread(distribution, [f"{one.platform}:{one.id}" for one in found])

    def engine(self, model, objectives, optimizer, clip, compiled):
        return JaxEngine(model, objectives, optimizer, clip, self.mesh)

    def meet(self, what: str) -> None:
        if self.processes > 1:
            from jax.experimental.multihost_utils import sync_global_devices

            sync_global_devices(what)

    def any(self, flag: bool) -> bool:
        if self.processes == 1:
            return flag
        from jax.experimental.multihost_utils import process_allgather

        return bool(process_allgather(np.array(flag)).any())

    def _spread(self, distribution, names: list[str]) -> None:
        wanted, there = distribution.devices, len(names) // self.processes
        if wanted and (wanted > there or (wanted < there and self.processes > 1)):
            raise UserError(
                f"training.distribution.devices is {wanted}, and there are {there} "
                f"({self.kind}) in a process"
            )
        names = names[: (wanted or there) * self.processes]
        if (wanted or there) % distribution.shards:  # A process must be able to save all of it.
            raise UserError(
                f"training.distribution.shards: {distribution.shards} shards do not divide the "
                f"{wanted or there} devices of a process ({self.kind})"
            )
        self.count, self.replicas = len(names), len(names) // distribution.shards
        mesh = keras.distribution.DeviceMesh(
            (self.replicas, distribution.shards), ("batch", "model"), names
        )
        spread = _Spread(distribution, mesh)
        keras.distribution.set_distribution(spread)
        self.mesh = mesh.backend_mesh


class JaxEngine(Engine):
    """Holds weights and optimizer state as arrays of its own; `settle` brings them to Keras."""

    def __init__(self, model, objectives, optimizer, clip, mesh):
        super().__init__(model, objectives, optimizer, clip)
        self._mesh = mesh
        self._rate = self._place_of(optimizer.learning_rate)
        self._take()
        # What a step gives lies as what it took, or else the next would be compiled anew.
        layouts = jax.tree.map(lambda array: array.sharding, self._state)
        self._step = _jitted(self._stepped, layouts)
        self._accumulate = _jitted(self._accumulated, (layouts, layouts[0]))
        self._apply = _jitted(self._applied, layouts)
        self._measure = jax.jit(lambda state, batch: self._scored(state, batch, training=False)[0])

    def train(self, batches: list[dict], rate: float, weights: dict[str, float]) -> dict:
        self._set_rate(rate)
        batches = self._prepared(batches, weights)
        if len(batches) == 1:
            batch = self._placed(batches[0])
            self._state, (sums, norm) = self._step(self._state, batch)
            self.gradient_norm = float(norm)
            return _floats(sums)
        gradients = jax.tree.map(jax.numpy.zeros_like, self._state[0])
        found = []
        for batch in batches:
            state = (self._state, gradients)
            (self._state, gradients), sums = self._accumulate(state, self._placed(batch))
            found.append(_floats(sums))
        self._state, norm = self._apply(self._state, gradients)
        self.gradient_norm = float(norm)
        return added(found)

    def measure(self, batch: dict) -> dict:
        return _floats(self._measure(self._state, self._placed(batch)))

    def settle(self) -> None:
        for variable, array in zip(self._of_state(), jax.tree.leaves(self._state), strict=True):
            variable.assign(array)

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        super().restore(arrays)
        self._take()

    def _put(self, weights: list, values: list) -> None:
        super()._put(weights, values)
        self._take()

    def _of_state(self) -> list:
        model = self.model
        return [
            *model.trainable_variables,
            *model.non_trainable_variables,
            *self.optimizer.variables,
        ]

    def _take(self) -> None:
        """Copies, since a step uses up the arrays that it begins from."""
        model = self.model
        parts = model.trainable_variables, model.non_trainable_variables, self.optimizer.variables
        self._state = tuple([jax.numpy.copy(v.value) for v in part] for part in parts)

    def _whole(self, variable) -> np.ndarray:
        value = variable.value
        if value.is_fully_addressable or value.is_fully_replicated:
            return np.asarray(value)
        from jax.experimental.multihost_utils import process_allgather

        return process_allgather(value, tiled=True)

    def _place_of(self, variable) -> int:
        return next(place for place, one in enumerate(self.optimizer.variables) if one is variable)

    def _set_rate(self, rate: float) -> None:
        old = self._state[2][self._rate]
        self._state[2][self._rate] = jax.device_put(np.asarray(rate, old.dtype), old.sharding)

    def _placed(self, batch: dict) -> dict:
        """The batch on the devices, its rows spread; a process gives only what its own read."""
        mesh = self._mesh
        if mesh is None:
            return batch

        def place(array):
            array = np.asarray(array)
            axes = ("batch",) if array.ndim else ()
            layout = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(*axes))
            return jax.make_array_from_callback(array.shape, layout, lambda index: array[index])

        return {name: place(array) for name, array in batch.items()}

    def _stepped(self, state, batch):
        gradients, others, scores = self._differentiate(state, batch)
        state, norm = self._applied((state[0], others, state[2]), gradients)
        return state, (scores, norm)

    def _accumulated(self, state, batch):
        state, total = state
        gradients, others, scores = self._differentiate(state, batch)
        return ((state[0], others, state[2]), jax.tree.map(jax.numpy.add, total, gradients)), scores

    def _applied(self, state, gradients):
        weights, others, moments = state
        with self._optimizer_holding(moments):
            gradients, norm = self._clipped(gradients)
        weights, moments = self.optimizer.stateless_apply(moments, gradients, weights)
        return (weights, others, moments), norm

    def _differentiate(self, state, batch):
        def loss(weights):
            scores, others = self._scored((weights, *state[1:]), batch, training=True)
            with self._optimizer_holding(state[2]):
                return self.optimizer.scale_loss(self._loss(scores, batch)), (others, scores)

        (_, (others, scores)), gradients = jax.value_and_grad(loss, has_aux=True)(state[0])
        return gradients, others, scores

    def _optimizer_holding(self, moments):
        mapping = zip(self.optimizer.variables, moments, strict=True)
        return keras.StatelessScope(state_mapping=list(mapping))

    def _scored(self, state, batch, training):
        inputs = {name: batch[name] for name in self.inputs}
        outputs, others = self.model.stateless_call(*state[:2], inputs, training=training)
        return self._scores(outputs, batch), others


def _jitted(function, layouts):
    return jax.jit(function, donate_argnums=0, out_shardings=(layouts, None))


class _Spread(keras.distribution.ModelParallel):
    """Keras's own, with weights laid out by a rule on their paths and shapes."""

    def __init__(self, distribution, mesh):
        nothing = keras.distribution.LayoutMap(mesh)
        super().__init__(layout_map=nothing, batch_dim_name="batch")
        self._spec = distribution

    def get_variable_layout(self, variable):
        known = getattr(variable, "_layout", None)  # An optimizer's, that lie as its weight does.
        if known is not None:
            return known
        role, shape = role_being_built(), tuple(variable.shape)
        axis = self._spec.split_axis(role, variable.name, shape)
        axes = ["model" if place == axis else None for place in range(len(variable.shape))]
        return keras.distribution.TensorLayout(axes, self.device_mesh)


def _floats(sums: dict) -> dict:
    sums = jax.device_get(sums)
    return {
        name: {key: float(value) for key, value in scores.items()} for name, scores in sums.items()
    }


def _join(processes) -> None:
    """Meet the other processes at the first one's address."""
    try:
        jax.distributed.initialize(processes.coordinator, processes.count, processes.number)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"--coordinator {processes.coordinator}: the processes did not meet ({error})"
        ) from error


def _divide_the_cpu(distribution) -> None:
    """Without a GPU, so many parts of the CPU as are asked for, to try things out."""
    if distribution is None or distribution.devices is None:
        return
    try:
        jax.config.update("jax_num_cpu_devices", distribution.devices)
    except RuntimeError:  # JAX runs already, with as many as it has.
        return


def _compute_capability(device) -> float:
    """8.0 is Ampere, the first that computes in bfloat16; 0 for what has none."""
    return float(getattr(device, "compute_capability", None) or 0)
