"""What every engine does: one optimizer step, or one measurement, of a model on batches."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import keras
import numpy as np
from keras import ops

from archbuilder.errors import UserError
from archbuilder.training.engines.variable_names import name_variables, require_same_variables

BALANCE = "load_balancing"
"""What a network of experts gives beside its streams: a loss of each row."""


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
    def engine(self, model, objectives: dict, optimizer, clip, compiled: bool) -> "Engine":
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
    batch, however many micro-batches and devices that is spread over; then times its weight.
    `objectives` are by the names of the outputs that are scored.
    """

    gradient_norm: float = 0.0
    """Norm of the last step's gradient, before clipping; none where float16 overflowed, and the
    step was left out."""

    def __init__(self, model, objectives: dict, optimizer, clip: float | None):
        self.model, self.objectives, self.optimizer = model, objectives, optimizer
        self.inputs, self.clip = [tensor.name for tensor in model.inputs], clip

    @abstractmethod
    def train(self, batches: list[dict], rate: float, weights: dict[str, float]) -> dict:
        """Take one step on the micro-batches; gives each output's sums (see `score`).

        `rate` is the learning rate, and `weights` what each output's loss is multiplied by.
        """

    @abstractmethod
    def measure(self, batch: dict) -> dict:
        """Each output's sums on a batch, with dropout off."""

    @property
    def inner_optimizer(self):
        """The optimizer below loss scaling."""
        return getattr(self.optimizer, "inner_optimizer", self.optimizer)

    @property
    def scales_losses(self) -> bool:
        """Whether a step may overflow and be left out."""
        return self.inner_optimizer is not self.optimizer

    def settle(self) -> None:  # noqa: B027, as some hold nothing back
        """Bring the Keras variables up to date; until then they may lag behind."""

    def unsound(self) -> list[str]:
        """The weights that hold something that is no number."""
        self.settle()
        return [
            weight.path
            for weight in self.model.weights
            if not bool(ops.all(ops.isfinite(ops.cast(weight, "float32"))))
        ]

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """While entered, the model has averaged weights, if the optimizer keeps such."""
        self.settle()
        weights = self.model.trainable_variables
        values = [self._whole(weight) for weight in weights]
        averages = _averages(self.inner_optimizer, weights, values)
        if averages is None:
            yield
            return
        self._put(weights, averages)
        try:
            yield
        finally:
            self._put(weights, values)

    def _put(self, weights: list, values: list) -> None:
        for weight, value in zip(weights, values, strict=True):
            weight.assign(value)

    def snapshot(self) -> dict[str, np.ndarray]:
        """Return weights, optimizer state and the state of every random generator, by name."""
        self.settle()
        return {
            name: self._whole(variable)
            for name, variable in name_variables(self.model, self.optimizer).items()
        }

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Assign a snapshot. Raise `UserError` if a name or a shape differs from the model's."""
        variables = name_variables(self.model, self.optimizer)
        require_same_variables(variables, arrays)
        for name, variable in variables.items():
            variable.assign(arrays[name])

    def _whole(self, variable) -> np.ndarray:
        return np.asarray(variable)

    def _clipped(self, gradients: list):
        """Gradients scaled down, all together, to the norm `clip`; and their norm before."""
        scale = self.optimizer.scale_loss(1.0)
        norm = ops.sqrt(sum(ops.sum(ops.square(gradient)) for gradient in gradients)) / scale
        if self.clip is None:
            return gradients, norm
        factor = self.clip / ops.maximum(norm, self.clip)
        return [gradient * factor for gradient in gradients], norm

    def _prepared(self, batches: list[dict], weights: dict[str, float]) -> list[dict]:
        """The batches with what one token, or row, counts for in the whole effective batch."""
        if BALANCE in self.model.output:
            weights = weights | {BALANCE: 1.0}
            batches = [batch | {f"{BALANCE}_weights": _real_rows(batch)} for batch in batches]
        shares = token_shares(batches, weights)
        return [batch | shares for batch in batches]

    def _scores(self, outputs: dict, batch: dict) -> dict:
        from archbuilder.objectives.cross_entropy import score

        found = {
            name: score(
                outputs[name],
                (outputs if f"{name}_targets" in outputs else batch)[f"{name}_targets"],
                batch[f"{name}_weights"],
                objective.smoothing(),
            )
            for name, objective in self.objectives.items()
        }
        if f"{BALANCE}_weights" in batch:  # It is no guess: there is a loss, and nothing else.
            rows = batch[f"{BALANCE}_weights"]
            found[BALANCE] = {"loss": ops.sum(outputs[BALANCE] * rows), "count": ops.sum(rows)}
        return found

    def _loss(self, scores: dict, batch: dict):
        return sum(score["loss"] * batch[f"{name}_share"] for name, score in scores.items())


def _real_rows(batch: dict) -> np.ndarray:
    """1.0 for each row that is not padding alone, float32 [B]."""
    masks = [array for name, array in batch.items() if name.endswith("padding_mask")]
    return np.any(masks[0] > 0, axis=1).astype("float32")


def token_shares(batches: list[dict], weights: dict[str, float]) -> dict:
    """What one token counts for in the whole effective batch, for each output: weight / tokens."""
    counts = {name: sum(b[f"{name}_weights"].sum() for b in batches) for name in weights}
    return {
        f"{name}_share": np.float32(weights[name] / max(count, 1)) for name, count in counts.items()
    }


def added(sums: list[dict]) -> dict:
    """Sums over batches, added up by objective and key."""
    return {
        name: {key: sum(one[name][key] for one in sums) for key in scores}
        for name, scores in sums[0].items()
    }


def metrics(sums: dict, weights: dict[str, float]) -> dict[str, float]:
    """Means out of sums: each output's loss, accuracy and perplexity, and the weighted loss."""
    found = {"loss": 0.0}
    for name, scores in sums.items():
        count = max(scores["count"], 1)
        found[f"{name}_loss"] = scores["loss"] / count
        found["loss"] += weights.get(name, 1.0) * scores["loss"] / count
        if name == BALANCE:
            continue
        found[f"{name}_accuracy"] = scores["correct"] / count
        found[f"{name}_perplexity"] = float(np.exp(min(scores["surprise"] / count, 700)))
    return found


def _averages(optimizer, weights: list, values: list) -> list | None:
    """What `optimizer` keeps of the weights' past, if it does; `values` are what they are now."""
    if hasattr(optimizer, "averages"):
        return optimizer.averages(weights, values)
    if not optimizer.use_ema:
        return None
    places = [optimizer._get_variable_index(weight) for weight in weights]
    kept = [optimizer._model_variables_moving_average[place] for place in places]
    return [ops.convert_to_numpy(average) for average in kept]


def check_backend(engine: str) -> None:
    """Raises `UserError` where this process has loaded Keras on something else."""
    found = keras.config.backend()
    if found != engine:
        raise UserError(
            f"training.engine is {engine}, and Keras runs on {found} in this process: "
            f"set KERAS_BACKEND={engine}"
        )
