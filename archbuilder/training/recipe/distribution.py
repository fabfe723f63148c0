"""Distribution of training over several devices and several processes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from archbuilder.errors import UserError
from archbuilder.language import Problem, Spec
from archbuilder.network.backbone import BackboneConfig
from archbuilder.network.layer_role import LayerRole, Shard

Devices = Annotated[int, Field(ge=1, le=64)]


class Mirrored(Spec):
    """Data parallelism on the devices of one machine, with TensorFlow's MirroredStrategy.

    Each device holds a copy of the model and processes different rows of a batch.
    """

    type: Literal["mirrored"]
    devices: Devices | None = None
    """Number of devices. Without GPUs, the CPU is divided into this number of logical devices, for
    experiments. Default: all GPUs, or one CPU."""

    backend: ClassVar[str] = "tensorflow"
    shards: ClassVar[int] = 1

    def problems(self, model: BackboneConfig) -> Iterator[Problem]:
        """Yield nothing, as every model can be copied."""
        yield from ()


class DataParallel(Spec):
    """Data parallelism on the devices of one or several machines, with JAX's sharded arrays.

    Each device holds a copy of the model and processes different rows of a batch.
    """

    type: Literal["data_parallel"]
    devices: Devices | None = None
    """Number of devices of each process. Without GPUs, the CPU is divided into this number of
    logical devices. Default: all devices."""

    backend: ClassVar[str] = "jax"
    shards: ClassVar[int] = 1

    def split_axis(self, role: LayerRole | None, weight: str, shape: tuple[int, ...]) -> int | None:
        """Return None, as no weight is split."""
        return None

    def problems(self, model: BackboneConfig) -> Iterator[Problem]:
        """Yield nothing, as every model can be copied."""
        yield from ()


class ModelParallel(Spec):
    """Tensor parallelism (Shoeybi et al., 2019, section 3), with JAX's sharded arrays.

    Matrices are split into shards, one per device. Each group of `shards` devices holds a whole
    model and processes different rows of a batch.
    """

    type: Literal["model_parallel"]
    shards: Annotated[int, Field(ge=2)]
    """Number of shards of each matrix, which is the number of devices per copy of the model."""
    devices: Devices | None = None
    """Number of devices of each process. Without GPUs, the CPU is divided into this number of
    logical devices. Default: all devices."""

    backend: ClassVar[str] = "jax"

    def split_axis(self, role: LayerRole | None, weight: str, shape: tuple[int, ...]) -> int | None:
        """Return the axis along which a weight is split; None if it is not split.

        The first projection of a block is split by its outputs and the last by its inputs, so that
        a single all-reduce serves both. Embedding tables are split by channels. A weight is not
        split if `shards` does not divide the size of its axis.

        Args:
            role: The role of the weight's layer; None for a weight without a layer.
            weight: Name of the weight in its layer.
            shape: Shape of the weight.
        """
        axis = None if role is None or role.shard is None else _AXES[role.shard].get(weight)
        return None if axis is None or shape[axis] % self.shards else axis

    def problems(self, model: BackboneConfig) -> Iterator[Problem]:
        """Yield a problem for each number that `shards` must divide and does not."""
        if model.hidden_dim % self.shards:
            yield Problem(("shards",), f"{self.shards} must divide hidden_dim ({model.hidden_dim})")
        if self.devices is not None and self.devices % self.shards:
            yield Problem(
                ("devices",), f"{self.devices} must be a multiple of shards ({self.shards})"
            )


_AXES: dict[Shard, dict[str, int]] = {
    "column": {"kernel": 1, "bias": 0},
    "row": {"kernel": 0},
    "table": {"embeddings": 1},
}
"""The axis along which each weight of a layer is split, by the role of the layer."""


JaxDistribution: TypeAlias = DataParallel | ModelParallel
"""The distributions on JAX."""

Distribution = Annotated[Mirrored | DataParallel | ModelParallel, Field(discriminator="type")]


@dataclass(frozen=True)
class ProcessGroup:
    """The processes that train a model together."""

    coordinator: str
    """Address of process 0, HOST:PORT."""
    count: int
    """Number of processes."""
    number: int
    """Index of this process, from 0."""

    def check(self, distribution: Distribution | None) -> None:
        """Raise `UserError` unless the distribution supports several processes."""
        if distribution is None or distribution.backend != "jax":
            raise UserError(
                "--processes: several processes require training.backend: jax and a "
                "training.distribution, such as {type: data_parallel}"
            )


def process_group(coordinator: str | None, count: int, number: int) -> ProcessGroup | None:
    """Return the process group of the command line's options; None for a single process.

    Args:
        coordinator: Address of process 0, HOST:PORT.
        count: Number of processes.
        number: Index of this process, from 0.

    Raises:
        UserError: An option is invalid or missing.
    """
    if coordinator is None:
        if count > 1 or number:
            name = "--processes" if count > 1 else "--process"
            raise UserError(f"{name} requires --coordinator HOST:PORT, the address of process 0")
        return None
    host, _, port = coordinator.rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 2**16):
        raise UserError(f"--coordinator {coordinator}: must be HOST:PORT, as in localhost:1234")
    if number >= count:
        raise UserError(
            f"--process {number}: must be less than --processes ({count}), as it counts from 0"
        )
    return ProcessGroup(coordinator, count, number)
