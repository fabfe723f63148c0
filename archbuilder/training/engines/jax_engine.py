"""Training on JAX: each step is a compiled function of the state and a batch."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import jax
import keras
import numpy as np
from typing_extensions import override

from archbuilder.objectives.loss_term import LossTerm, Sums
from archbuilder.text.batch import Batch
from archbuilder.training.engines.engine import Engine, TermSums, loss_scales, total_sums

Arrays: TypeAlias = list[jax.Array]
State: TypeAlias = tuple[Arrays, Arrays, Arrays]
"""Trainable weights, other variables of the model, and optimizer variables."""
Scales: TypeAlias = dict[str, jax.Array]
"""The factor of the summed loss of each term."""


class JaxEngine(Engine):
    """Stores the state as arrays, which `sync_variables` copies to the Keras variables."""

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
        # Outputs keep the layouts of inputs; otherwise, the next step would be recompiled.
        layouts = jax.tree.map(lambda array: array.sharding, self._state)
        self._step = _jitted(self._run_step, layouts)
        self._accumulate = _jitted(self._run_accumulation, (layouts, layouts[0]))
        self._apply = _jitted(self._run_update, layouts)
        self._measure = jax.jit(
            lambda state, batch: self._compute_sums(state, batch, training=False)[0]
        )

    @override
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

    @override
    def measure(self, batch: Batch) -> Sums:
        return _floats(self._measure(self._state, self._on_devices(batch)))

    @override
    def sync_variables(self) -> None:
        for variable, array in zip(
            self._state_variables(), jax.tree.leaves(self._state), strict=True
        ):
            variable.assign(array)

    @override
    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        super().restore(arrays)
        self._load_state()

    @override
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
        """Copy the state from the variables, since a step donates its input arrays."""
        model = self.model
        groups = model.trainable_variables, model.non_trainable_variables, self.optimizer.variables
        self._state = tuple([jax.numpy.copy(v.value) for v in group] for group in groups)

    @override
    def _to_numpy(self, variable: keras.Variable) -> np.ndarray:
        value = variable.value
        if value.is_fully_addressable or value.is_fully_replicated:
            return np.asarray(value)
        from jax.experimental.multihost_utils import process_allgather

        return process_allgather(value, tiled=True)

    def _index_of(self, variable: keras.Variable) -> int:
        variables = self.optimizer.variables
        return next(index for index, other in enumerate(variables) if other is variable)

    def _set_rate(self, rate: float) -> None:
        previous = self._state[2][self._rate_index]
        array = np.asarray(rate, previous.dtype)
        self._state[2][self._rate_index] = jax.device_put(array, previous.sharding)

    def _on_devices(self, arrays: Any) -> Any:
        """Return a tree of arrays on the devices, with their rows split over the mesh.

        Each process provides only the rows of its own devices.
        """
        mesh = self._mesh
        if mesh is None:
            return arrays

        def put(array: Any) -> jax.Array:
            array = np.asarray(array)
            axes = ("batch",) if array.ndim else ()
            layout = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(*axes))
            return jax.make_array_from_callback(array.shape, layout, lambda index: array[index])

        return jax.tree.map(put, arrays)

    def _run_step(self, state: State, batch: Batch, scales: Scales) -> tuple[State, tuple]:
        gradients, non_trainable, sums = self._differentiate(state, batch, scales)
        state, norm = self._run_update((state[0], non_trainable, state[2]), gradients)
        return state, (sums, norm)

    def _run_accumulation(
        self, state: tuple[State, Arrays], batch: Batch, scales: Scales
    ) -> tuple[tuple[State, Arrays], TermSums]:
        inner_state, total = state
        gradients, non_trainable, sums = self._differentiate(inner_state, batch, scales)
        total = jax.tree.map(jax.numpy.add, total, gradients)
        return ((inner_state[0], non_trainable, inner_state[2]), total), sums

    def _run_update(self, state: State, gradients: Arrays) -> tuple[State, jax.Array]:
        weights, non_trainable, optimizer_values = state
        with self._optimizer_scope(optimizer_values):
            gradients, norm = self._clipped(gradients)
        weights, optimizer_values = self.optimizer.stateless_apply(
            optimizer_values, gradients, weights
        )
        return (weights, non_trainable, optimizer_values), norm

    def _differentiate(
        self, state: State, batch: Batch, scales: Scales
    ) -> tuple[Arrays, Arrays, TermSums]:
        def loss(weights: Arrays) -> tuple[jax.Array, tuple]:
            sums, non_trainable = self._compute_sums((weights, *state[1:]), batch, training=True)
            with self._optimizer_scope(state[2]):
                return self.optimizer.scale_loss(self._loss(sums, scales)), (non_trainable, sums)

        (_, (non_trainable, sums)), gradients = jax.value_and_grad(loss, has_aux=True)(state[0])
        return gradients, non_trainable, sums

    def _optimizer_scope(self, optimizer_values: Arrays) -> keras.StatelessScope:
        mapping = zip(self.optimizer.variables, optimizer_values, strict=True)
        return keras.StatelessScope(state_mapping=list(mapping))

    def _compute_sums(self, state: State, batch: Batch, training: bool) -> tuple[TermSums, Arrays]:
        outputs, non_trainable = self.model.stateless_call(
            *state[:2], batch.inputs, training=training
        )
        return self._sums(outputs, batch, training), non_trainable


def _jitted(function: Callable, layouts: Any) -> Callable:
    return jax.jit(function, donate_argnums=0, out_shardings=(layouts, None))


def _floats(sums: TermSums) -> Sums:
    sums = jax.device_get(sums)
    return {
        name: {key: float(value) for key, value in tensors.items()}
        for name, tensors in sums.items()
    }
