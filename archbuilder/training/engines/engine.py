"""What every engine does: one optimizer step, or one measurement, of a model on batches."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext

import keras
import numpy as np

from archbuilder.mistake import UserMistake


class Devices(ABC):
    """The interface of what a run computes on."""

    kind: str
    """CPU, GPU or TPU."""
    has_bfloat16: bool
    """Whether it computes in bfloat16 faster than in float32."""
    count: int = 1
    """Devices, of all processes."""
    replicas: int = 1
    """Devices, or groups of them, that read different rows of a batch."""
    process: int = 0
    """Which process this is; the first one writes the run folder."""
    processes: int = 1
    """Processes that train together."""

    def __str__(self) -> str:
        told = self.kind if self.count == 1 else f"{self.count} x {self.kind}"
        return told if self.processes == 1 else f"{told} of {self.processes} processes"

    @abstractmethod
    def engine(self, model, objectives: dict, optimizer, compiled: bool) -> "Engine":
        """An engine for a model that was drawn within `scope`."""

    def scope(self) -> AbstractContextManager:
        """Where models and optimizers are made."""
        return nullcontext()

    def meet(self, what: str) -> None:  # noqa: B027, as one process has nobody to wait for
        """Wait until all processes have come to the same point."""

    def any(self, flag: bool) -> bool:
        """Whether the flag is up in any process."""
        return flag


class Engine(ABC):
    """The interface of engines.

    A loss is the sum over the tokens that count, divided by their number in the whole effective
    batch, however many micro-batches and devices that is spread over; then times the objective's
    weight.
    """

    def __init__(self, model, objectives: dict, optimizer):
        self.model, self.objectives, self.optimizer = model, objectives, optimizer
        self.inputs = [tensor.name for tensor in model.inputs]

    @abstractmethod
    def train(self, batches: list[dict], rate: float) -> dict:
        """Take one step on the micro-batches; gives each objective's sums (see `score`)."""

    @abstractmethod
    def measure(self, batch: dict) -> dict:
        """Each objective's sums on a batch, with dropout off."""

    @property
    @abstractmethod
    def gradient_norm(self) -> float:
        """Norm of the last step's gradient, before clipping."""

    @property
    def variables(self) -> list:
        """All that a step reads and changes; Keras leaves seeds' states out of `weights`."""
        return [*self.model.variables, *self.optimizer.variables]

    @property
    def inner_optimizer(self):
        """The optimizer below loss scaling."""
        return getattr(self.optimizer, "inner_optimizer", self.optimizer)

    def settle(self) -> None:  # noqa: B027, as some hold nothing back
        """Bring the Keras variables up to date; until then they may lag behind."""

    def snapshot(self) -> dict[str, np.ndarray]:
        """Weights, optimizer state and the states of every random generator, by order and name."""
        self.settle()
        return {
            f"{place:05d}|{variable.path}": self._whole(variable)
            for place, variable in enumerate(self.variables)
        }

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Put a snapshot back; one that does not fit the model is refused."""
        shapes = [tuple(variable.shape) for variable in self.variables]
        if shapes != [array.shape for array in arrays.values()]:
            raise UserMistake("the checkpoint's weights do not fit this spec's model")
        for variable, array in zip(self.variables, arrays.values(), strict=True):
            variable.assign(array)

    def _whole(self, variable) -> np.ndarray:
        return np.asarray(variable)

    def _scores(self, outputs: dict, batch: dict) -> dict:
        from archbuilder.objectives.score import score

        return {
            name: score(
                outputs[name],
                batch[f"{name}_targets"],
                batch[f"{name}_weights"],
                objective.smoothing(),
            )
            for name, objective in self.objectives.items()
        }

    def _loss(self, scores: dict, batch: dict):
        return sum(
            objective.weight * scores[name]["loss"] * batch[f"{name}_share"]
            for name, objective in self.objectives.items()
        )


def token_shares(batches: list[dict], objectives: dict) -> dict:
    """What one token counts for in the whole effective batch, for each objective: 1 / tokens."""
    counts = {name: sum(b[f"{name}_weights"].sum() for b in batches) for name in objectives}
    return {f"{name}_share": np.float32(1 / max(count, 1)) for name, count in counts.items()}


def added(sums: list[dict]) -> dict:
    """Sums over batches, added up by objective and key."""
    return {
        name: {key: sum(one[name][key] for one in sums) for key in scores}
        for name, scores in sums[0].items()
    }


def metrics(sums: dict, objectives: dict) -> dict[str, float]:
    """Means out of sums: each objective's loss, accuracy and perplexity, and the weighted loss."""
    found = {"loss": 0.0}
    for name, scores in sums.items():
        count = max(scores["count"], 1)
        found[f"{name}_loss"] = scores["loss"] / count
        found[f"{name}_accuracy"] = scores["correct"] / count
        found[f"{name}_perplexity"] = float(np.exp(min(scores["surprise"] / count, 700)))
        found["loss"] += objectives[name].weight * scores["loss"] / count
    return found


def check_backend(engine: str) -> None:
    """Raises `UserMistake` where this process has loaded Keras on something else."""
    found = keras.config.backend()
    if found != engine:
        raise UserMistake(
            f"training.engine is {engine}, and Keras runs on {found} in this process: "
            f"set KERAS_BACKEND={engine}"
        )
