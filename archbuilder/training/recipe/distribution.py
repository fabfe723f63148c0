"""How a run is spread over several devices, and over several processes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from archbuilder.errors import UserError
from archbuilder.language import Problem, Spec
from archbuilder.network.backbone import BackboneConfig

Devices = Annotated[int, Field(ge=1, le=64)]


class Mirrored(Spec):
    """A copy of the model on each device of one machine; each reads other rows of a batch.

    TensorFlow's MirroredStrategy.
    """

    type: Literal["mirrored"]
    devices: Devices | None = None
    """Devices: all GPUs unless told. Without a GPU, so many parts of the CPU, to try it out."""

    engine: ClassVar[str] = "tensorflow"
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

    engine: ClassVar[str] = "jax"
    shards: ClassVar[int] = 1

    def split_axis(self, path: str, shape: tuple[int, ...]) -> int | None:
        """No weight is split."""
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

    engine: ClassVar[str] = "jax"

    def split_axis(self, path: str, shape: tuple[int, ...]) -> int | None:
        """The axis along which the weight at `path` is cut, if it is.

        What widens is cut along what it writes and what narrows along what it reads, so that one
        exchange serves both; tables are cut along their vectors. What the shards do not divide
        stays whole.
        """
        axis = _axis(*path.rpartition("/")[::2])
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


WIDENING = {"query", "key", "value", "intermediate", "gate"}
"""Layers of which each shard writes some columns."""


def _axis(layer: str, weight: str) -> int | None:
    part = layer.rpartition(".")[2]
    if layer.endswith("embeddings.tokens"):
        return 1 if weight == "embeddings" else None
    if ".layers." not in layer:
        return None
    if part in WIDENING:
        return {"kernel": 1, "bias": 0}.get(weight)
    return 0 if part == "output" and weight == "kernel" else None


Distribution = Annotated[Mirrored | DataParallel | ModelParallel, Field(discriminator="type")]


@dataclass(frozen=True)
class Processes:
    """Several processes that train together; this one has a number, from 0 on."""

    coordinator: str
    """HOST:PORT of the first process, where they meet."""
    count: int
    number: int

    def check(self, recipe) -> None:
        """Raises `UserError` where a recipe does not spread over several processes."""
        if recipe.distribution is None or recipe.distribution.engine != "jax":
            raise UserError(
                "several processes train together on JAX: the spec needs training.engine: jax and "
                "a training.distribution such as {type: data_parallel}"
            )


def together(coordinator: str | None, count: int, number: int) -> Processes | None:
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
    return Processes(coordinator, count, number)
