"""Steps on JAX, compiled for each shape of batch; on several devices, in one process or in many."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import jax
import keras
import numpy as np

from archbuilder.errors import UserError
from archbuilder.network.layer_role import role_being_built
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
from archbuilder.training.keras_internals import assigned_layout
from archbuilder.training.recipe.distribution import JaxDistribution, ProcessGroup


class JaxDevices(Devices):
    """One device, or a mesh of several, along whose first axis rows are spread."""

    def __init__(
        self, distribution: JaxDistribution | None, processes: ProcessGroup | None
    ) -> None:
        check_backend("jax")
        if processes is not None:
            _join(processes)
        _divide_the_cpu(distribution)
        devices = jax.devices()
        platform: str = devices[0].platform
        self.kind = {"cuda": "GPU", "rocm": "GPU"}.get(platform, platform.upper())
        self.has_bfloat16 = self.kind == "TPU" or _compute_capability(devices[0]) >= 8.0
        self.process, self.processes = jax.process_index(), jax.process_count()
        self.mesh = None
        keras.distribution.set_distribution(None)
        if distribution is not None:
            self._spread(distribution, [f"{device.platform}:{device.id}" for device in devices])

    def engine(
        self,
        model: keras.Model,
        terms: Mapping[str, LossTerm],
        optimizer: keras.optimizers.Optimizer,
        clip: float | None,
        compiled: bool,
    ) -> "JaxEngine":
        return JaxEngine(model, terms, optimizer, clip, self.mesh)

    def barrier(self, name: str) -> None:
        if self.processes > 1:
            from jax.experimental.multihost_utils import sync_global_devices

            sync_global_devices(name)

    def any_process(self, flag: bool) -> bool:
        if self.processes == 1:
            return flag
        from jax.experimental.multihost_utils import process_allgather

        return bool(process_allgather(np.array(flag)).any())

    def _spread(self, distribution: JaxDistribution, names: list[str]) -> None:
        requested, available = distribution.devices, len(names) // self.processes
        if requested and (requested > available or (requested < available and self.processes > 1)):
            raise UserError(
                f"training.distribution.devices is {requested}, and there are {available} "
                f"({self.kind}) in a process"
            )
        used = requested or available
        names = names[: used * self.processes]
        if used % distribution.shards:  # Each process must be able to save the whole model.
            raise UserError(
                f"training.distribution.shards: {distribution.shards} shards do not divide the "
                f"{used} devices of a process ({self.kind})"
            )
        self.count, self.replicas = len(names), len(names) // distribution.shards
        mesh = keras.distribution.DeviceMesh(
            (self.replicas, distribution.shards), ("batch", "model"), names
        )
        spread = _Spread(distribution, mesh)
        keras.distribution.set_distribution(spread)
        self.mesh = mesh.backend_mesh


Arrays: TypeAlias = list[jax.Array]
State: TypeAlias = tuple[Arrays, Arrays, Arrays]
"""Trainable weights, other variables of the model, and variables of the optimizer."""
Scales: TypeAlias = dict[str, jax.Array]
"""What the summed loss of each term is multiplied by."""


class JaxEngine(Engine):
    """Holds weights and optimizer state as arrays; `sync_variables` copies them to Keras."""

    def __init__(
        self,
        model: keras.Model,
        terms: Mapping[str, LossTerm],
        optimizer: keras.optimizers.Optimizer,
        clip: float | None,
        mesh: jax.sharding.Mesh | None,
    ) -> None:
        super().__init__(model, terms, optimizer, clip)
        self._mesh = mesh
        self._rate_index = self._index_of(optimizer.learning_rate)
        self._load_state()
        # A step returns arrays with the layouts it was given, or the next would be recompiled.
        layouts = jax.tree.map(lambda array: array.sharding, self._state)
        self._step = _jitted(self._stepped, layouts)
        self._accumulate = _jitted(self._accumulated, (layouts, layouts[0]))
        self._apply = _jitted(self._applied, layouts)
        self._measure = jax.jit(lambda state, batch: self._scored(state, batch, training=False)[0])

    def train(self, batches: list[Batch], rate: float, weights: Mapping[str, float]) -> Sums:
        self._set_rate(rate)
        scales = self._on_devices(loss_scales(batches, weights))
        if len(batches) == 1:
            batch = self._on_devices(batches[0])
            self._state, (sums, norm) = self._step(self._state, batch, scales)
            self.gradient_norm = float(norm)
            return _floats(sums)
        gradients = jax.tree.map(jax.numpy.zeros_like, self._state[0])
        all_sums = []
        for batch in batches:
            state, batch = (self._state, gradients), self._on_devices(batch)
            (self._state, gradients), sums = self._accumulate(state, batch, scales)
            all_sums.append(_floats(sums))
        self._state, norm = self._apply(self._state, gradients)
        self.gradient_norm = float(norm)
        return total_sums(all_sums)

    def measure(self, batch: Batch) -> Sums:
        return _floats(self._measure(self._state, self._on_devices(batch)))

    def sync_variables(self) -> None:
        for variable, array in zip(
            self._state_variables(), jax.tree.leaves(self._state), strict=True
        ):
            variable.assign(array)

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        super().restore(arrays)
        self._load_state()

    def _assign(self, weights: list[keras.Variable], values: list[np.ndarray]) -> None:
        super()._assign(weights, values)
        self._load_state()

    def _state_variables(self) -> list[keras.Variable]:
        model = self.model
        return [
            *model.trainable_variables,
            *model.non_trainable_variables,
            *self.optimizer.variables,
        ]

    def _load_state(self) -> None:
        """Copy the state from the variables; a step donates the arrays that it is given."""
        model = self.model
        parts = model.trainable_variables, model.non_trainable_variables, self.optimizer.variables
        self._state = tuple([jax.numpy.copy(v.value) for v in part] for part in parts)

    def _to_numpy(self, variable: keras.Variable) -> np.ndarray:
        value = variable.value
        if value.is_fully_addressable or value.is_fully_replicated:
            return np.asarray(value)
        from jax.experimental.multihost_utils import process_allgather

        return process_allgather(value, tiled=True)

    def _index_of(self, variable: keras.Variable) -> int:
        variables = self.optimizer.variables
        return next(index for index, one in enumerate(variables) if one is variable)

    def _set_rate(self, rate: float) -> None:
        old = self._state[2][self._rate_index]
        self._state[2][self._rate_index] = jax.device_put(np.asarray(rate, old.dtype), old.sharding)

    def _on_devices(self, arrays: Any) -> Any:
        """Return a tree of arrays on the devices, the rows spread over them.

        Each process provides only the rows that its own devices read.
        """
        mesh = self._mesh
        if mesh is None:
            return arrays

        def place(array: Any) -> jax.Array:
            array = np.asarray(array)
            axes = ("batch",) if array.ndim else ()
            layout = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(*axes))
            return jax.make_array_from_callback(array.shape, layout, lambda index: array[index])

        return jax.tree.map(place, arrays)

    def _stepped(self, state: State, batch: Batch, scales: Scales) -> tuple[State, tuple]:
        gradients, others, sums = self._differentiate(state, batch, scales)
        state, norm = self._applied((state[0], others, state[2]), gradients)
        return state, (sums, norm)

    def _accumulated(
        self, state: tuple[State, Arrays], batch: Batch, scales: Scales
    ) -> tuple[tuple[State, Arrays], TermSums]:
        own, total = state
        gradients, others, sums = self._differentiate(own, batch, scales)
        return ((own[0], others, own[2]), jax.tree.map(jax.numpy.add, total, gradients)), sums

    def _applied(self, state: State, gradients: Arrays) -> tuple[State, jax.Array]:
        weights, others, moments = state
        with self._optimizer_holding(moments):
            gradients, norm = self._clipped(gradients)
        weights, moments = self.optimizer.stateless_apply(moments, gradients, weights)
        return (weights, others, moments), norm

    def _differentiate(
        self, state: State, batch: Batch, scales: Scales
    ) -> tuple[Arrays, Arrays, TermSums]:
        def loss(weights: Arrays) -> tuple[jax.Array, tuple]:
            sums, others = self._scored((weights, *state[1:]), batch, training=True)
            with self._optimizer_holding(state[2]):
                return self.optimizer.scale_loss(self._loss(sums, scales)), (others, sums)

        (_, (others, sums)), gradients = jax.value_and_grad(loss, has_aux=True)(state[0])
        return gradients, others, sums

    def _optimizer_holding(self, moments: Arrays) -> keras.StatelessScope:
        mapping = zip(self.optimizer.variables, moments, strict=True)
        return keras.StatelessScope(state_mapping=list(mapping))

    def _scored(self, state: State, batch: Batch, training: bool) -> tuple[TermSums, Arrays]:
        outputs, others = self.model.stateless_call(*state[:2], batch.inputs, training=training)
        return self._sums(outputs, batch, training), others


def _jitted(function: Callable, layouts: Any) -> Callable:
    return jax.jit(function, donate_argnums=0, out_shardings=(layouts, None))


class _Spread(keras.distribution.ModelParallel):
    """Keras's model parallelism, with layouts by a rule on the paths and shapes of weights."""

    def __init__(self, distribution: JaxDistribution, mesh: keras.distribution.DeviceMesh) -> None:
        nothing = keras.distribution.LayoutMap(mesh)
        super().__init__(layout_map=nothing, batch_dim_name="batch")
        self._spec = distribution

    def get_variable_layout(self, variable: keras.Variable) -> keras.distribution.TensorLayout:
        layout = assigned_layout(variable)  # That of an optimizer's variable, as of its weight.
        if layout is not None:
            return layout
        role, shape = role_being_built(), tuple(variable.shape)
        axis = self._spec.split_axis(role, variable.name, shape)
        axes = ["model" if index == axis else None for index in range(len(shape))]
        return keras.distribution.TensorLayout(axes, self.device_mesh)


def _floats(sums: TermSums) -> Sums:
    sums = jax.device_get(sums)
    return {name: {key: float(value) for key, value in own.items()} for name, own in sums.items()}


def _join(processes: ProcessGroup) -> None:
    """Connect to the other processes at the address of the first."""
    try:
        jax.distributed.initialize(processes.coordinator, processes.count, processes.number)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"--coordinator {processes.coordinator}: the processes did not meet ({error})"
        ) from error


def _divide_the_cpu(distribution: JaxDistribution | None) -> None:
    """Divide the CPU into as many devices as are requested, to try distributions without GPUs."""
    if distribution is None or distribution.devices is None:
        return
    try:
        jax.config.update("jax_num_cpu_devices", distribution.devices)
    except RuntimeError:  # JAX is initialized already, with as many as it has.
        return


def _compute_capability(device: Any) -> float:
    """Return the compute capability, or 0 without one; bfloat16 needs 8.0 (Ampere)."""
    return float(getattr(device, "compute_capability", None) or 0)
