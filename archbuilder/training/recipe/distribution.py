"""How a run is spread over several devices, and over several processes."""

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
    """A copy of the model on each device of one machine; each reads other rows of a batch.

    TensorFlow's MirroredStrategy.
    """

    type: Literal["mirrored"]
    devices: Devices | None = None
    """Devices: all GPUs unless told. Without a GPU, so many parts of the CPU, to try it out."""

    backend: ClassVar[str] = "tensorflow"
    shards: ClassVar[int] = 1

    def problems(self, model: BackboneConfig) -> Iterator[Problem]:
        yield from ()


class DataParallel(Spec):
    """A copy of the model on each device of one machine or several; each reads other rows.

    JAX's arrays on a mesh of devices.
    """

    type: Literal["data_parallel"]
    devices: Devices | None = None
    """Devices of each process: all unless told. Without a GPU, so many parts of the CPU."""

    backend: ClassVar[str] = "jax"
    shards: ClassVar[int] = 1

    def split_axis(self, role: LayerRole | None, weight: str, shape: tuple[int, ...]) -> int | None:
        """Return None: no weight is split."""
        return None

    def problems(self, model: BackboneConfig) -> Iterator[Problem]:
        yield from ()


class ModelParallel(Spec):
    """Matrices cut into shards, one a device (Shoeybi et al., 2019, section 3); groups of `shards`
    devices hold the whole model and read other rows each. JAX's arrays on a mesh of devices."""

    type: Literal["model_parallel"]
    shards: Annotated[int, Field(ge=2)]
    """Parts that each matrix is cut into: devices that hold one copy of the model together."""
    devices: Devices | None = None
    """Devices of each process: all unless told. Without a GPU, so many parts of the CPU."""

    backend: ClassVar[str] = "jax"

    def split_axis(self, role: LayerRole | None, weight: str, shape: tuple[int, ...]) -> int | None:
        """Return the axis along which a weight is split; None where it is not.

        A projection to a wider space is split by its outputs and one back by its inputs, so that
        one exchange serves both; tables are split by the channels of their vectors. A weight whose
        axis the shards do not divide is not split.

        Args:
            role: The role of the weight's layer; None for a weight that is of no layer.
            weight: Name of the weight in its layer.
            shape: Shape of the weight.
        """
        axis = None if role is None or role.shard is None else _AXES[role.shard].get(weight)
        return None if axis is None or shape[axis] % self.shards else axis

    def problems(self, model: BackboneConfig) -> Iterator[Problem]:
        if model.hidden_dim % self.shards:
            yield Problem(
                ("shards",), f"{self.shards} shards do not divide hidden_dim {model.hidden_dim}"
            )
        if self.devices is not None and self.devices % self.shards:
            yield Problem(
                ("devices",), f"{self.shards} shards do not divide {self.devices} devices"
            )


_AXES: dict[Shard, dict[str, int]] = {
    "column": {"kernel": 1, "bias": 0},
    "row": {"kernel": 0},
    "table": {"embeddings": 1},
}
"""The axis that each weight of a layer is split along, by the layer's role."""


JaxDistribution: TypeAlias = DataParallel | ModelParallel
"""What spreads steps on JAX."""

Distribution = Annotated[Mirrored | DataParallel | ModelParallel, Field(discriminator="type")]


@dataclass(frozen=True)
class ProcessGroup:
    """Several processes that train together; this one has a number, from 0 on."""

    coordinator: str
    """HOST:PORT of the first process, where they meet."""
    count: int
    number: int

    def check(self, distribution: Distribution | None) -> None:
        """Raise `UserError` if steps are not spread over several processes."""
        if distribution is None or distribution.backend != "jax":
            raise UserError(
                "several processes train together on JAX: the spec needs training.backend: jax and "
                "a training.distribution such as {type: data_parallel}"
            )


def process_group(coordinator: str | None, count: int, number: int) -> ProcessGroup | None:
    """The processes that a command line speaks of; none where it speaks of one."""
    if coordinator is None:
        if count > 1 or number:
            name = "--processes" if count > 1 else "--process"
            raise UserError(f"{name} needs --coordinator, the HOST:PORT where they meet")
        return None
    host, _, port = coordinator.rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 2**16):
        raise UserError(f"--coordinator {coordinator}: must be HOST:PORT, as in localhost:1234")
    if number >= count:
        raise UserError(f"--process {number}: of {count} --processes the last is {count - 1}")
    return ProcessGroup(coordinator, count, number)
