"""The devices of JAX: one or several, in one process or several processes."""

from collections.abc import Mapping
from typing import Any

import jax
import keras
import numpy as np
from typing_extensions import override

from archbuilder.errors import UserError
from archbuilder.network.layer_role import role_being_built
from archbuilder.objectives.loss_term import LossTerm
from archbuilder.training.engines.engine import Devices, check_backend
from archbuilder.training.engines.jax_engine import JaxEngine
from archbuilder.training.keras_internals import assigned_layout
from archbuilder.training.recipe.distribution import JaxDistribution, ProcessGroup


class JaxDevices(Devices):
    """A single device, or a mesh of devices whose first axis splits the rows of a batch."""

    def __init__(
        self, distribution: JaxDistribution | None, processes: ProcessGroup | None
    ) -> None:
        check_backend("jax")
        if processes is not None:
            _join(processes)
        _divide_cpu(distribution)
        devices = jax.devices()
        platform: str = devices[0].platform
        self.kind = {"cuda": "GPU", "rocm": "GPU"}.get(platform, platform.upper())
        self.has_bfloat16 = self.kind == "TPU" or _compute_capability(devices[0]) >= 8.0
        self.process, self.processes = jax.process_index(), jax.process_count()
        self.mesh = None
        keras.distribution.set_distribution(None)
        if distribution is not None:
            self._distribute(distribution, [f"{device.platform}:{device.id}" for device in devices])

    @override
    def engine(
        self,
        model: keras.Model,
        terms: Mapping[str, LossTerm],
        optimizer: keras.optimizers.Optimizer,
        clip: float | None,
        compiled: bool,
    ) -> JaxEngine:
        return JaxEngine(model, terms, optimizer, clip, self.mesh)

    @override
    def barrier(self, name: str) -> None:
        if self.processes > 1:
            from jax.experimental.multihost_utils import sync_global_devices

            sync_global_devices(name)

    @override
    def any_process(self, flag: bool) -> bool:
        if self.processes == 1:
            return flag
        from jax.experimental.multihost_utils import process_allgather

        return bool(process_allgather(np.array(flag)).any())

    def _distribute(self, distribution: JaxDistribution, names: list[str]) -> None:
        requested, available = distribution.devices, len(names) // self.processes
        if requested and (requested > available or (requested < available and self.processes > 1)):
            raise UserError(
                f"training.distribution.devices: requires {requested} devices, but each process "
                f"has {available} ({self.kind})"
            )
        used = requested or available
        names = names[: used * self.processes]
        if used % distribution.shards:  # Each process must be able to save the whole model.
            raise UserError(
                f"training.distribution.shards: {distribution.shards} must divide the number of "
                f"devices of a process, {used} ({self.kind})"
            )
        self.count, self.replicas = len(names), len(names) // distribution.shards
        mesh = keras.distribution.DeviceMesh(
            (self.replicas, distribution.shards), ("batch", "model"), names
        )
        keras.distribution.set_distribution(_Distribution(distribution, mesh))
        self.mesh = mesh.backend_mesh


class _Distribution(keras.distribution.ModelParallel):
    """Model parallelism in Keras, with layouts by the roles of layers."""

    def __init__(self, distribution: JaxDistribution, mesh: keras.distribution.DeviceMesh) -> None:
        no_layouts = keras.distribution.LayoutMap(mesh)
        super().__init__(layout_map=no_layouts, batch_dim_name="batch")
        self._spec = distribution

    def get_variable_layout(self, variable: keras.Variable) -> keras.distribution.TensorLayout:
        """Return the layout of a weight, by the role of its layer, or of an optimizer variable."""
        layout = assigned_layout(variable)  # Optimizer variables have the layout of their weight.
        if layout is not None:
            return layout
        role, shape = role_being_built(), tuple(variable.shape)
        axis = self._spec.split_axis(role, variable.name, shape)
        axes = ["model" if index == axis else None for index in range(len(shape))]
        return keras.distribution.TensorLayout(axes, self.device_mesh)


def _join(processes: ProcessGroup) -> None:
    """Connect to the other processes at the address of process 0."""
    try:
        jax.distributed.initialize(processes.coordinator, processes.count, processes.number)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"--coordinator {processes.coordinator}: cannot connect the processes ({error})"
        ) from error


def _divide_cpu(distribution: JaxDistribution | None) -> None:
    """Divide the CPU into the requested number of logical devices, to run without GPUs."""
    if distribution is None or distribution.devices is None:
        return
    try:
        jax.config.update("jax_num_cpu_devices", distribution.devices)
    except RuntimeError:  # JAX is initialized already; their number cannot change.
        return


def _compute_capability(device: Any) -> float:
    """Return the compute capability, or 0 without one; bfloat16 needs 8.0 (Ampere)."""
    return float(getattr(device, "compute_capability", None) or 0)
