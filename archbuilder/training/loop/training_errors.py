"""What a run says where it cannot go on: the place, the reason, and what is kept."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from archbuilder.runs.run_folder import RunFolder
from archbuilder.stopping import TrainingFailed
from archbuilder.text.batch import Batch


class TrainingErrors:
    """The failures of a run in a folder, as they are raised."""

    def __init__(self, recipe, run: RunFolder, objectives: Sequence[str]):
        self.recipe, self.run, self.objectives = recipe, run, objectives

    def refuse_divergence(self, step: int, found: dict, norm: float, scaled: bool) -> None:
        """Stop where a number of the step after `step` is none, before anything of it is saved.

        `scaled`: losses are, so that in float16 a gradient may overflow: the step is left out.
        """
        if math.isfinite(found["loss"]) and (scaled or math.isfinite(norm)):
            return
        count = self.recipe.batch.accumulate
        first = step * count
        batches = f"batch {first}" if count == 1 else f"batches {first} to {first + count - 1}"
        told = self._losses(found, "") or f"the gradient's norm is {norm}"
        raise self._diverged(f"at step {step + 1}, {batches}, {told}")

    def refuse_bad_measurement(self, step: int, found: dict) -> None:
        """Stop where a measurement is no number, before its model is saved."""
        if not math.isfinite(found["validation_loss"]):
            raise self._diverged(f"after step {step}, {self._losses(found, 'validation_')}")

    def refuse_bad_weights(self, step: int, layers: Sequence[str]) -> None:
        """Stop where weights are no numbers, before they are saved; `layers` names those."""
        if layers:
            more = f" and {len(layers) - 1} more" if len(layers) > 1 else ""
            raise self._diverged(f"after step {step}, {layers[0]}{more} holds what is no number")

    @contextmanager
    def of_memory(self, step: int, batch: Batch | None = None) -> Iterator[None]:
        """While entered, lack of memory is told of as that of a step, or of its batch."""
        try:
            yield
        except Exception as error:
            if not _is_lack_of_memory(error):
                raise
            of_batch = "tokens" if self.recipe.batch.tokens else "examples"
            raise TrainingFailed(
                f"out of memory at step {step}{_size(batch)}; {self._kept()}. "
                f"Lower training.batch.{of_batch} and raise training.batch.accumulate "
                "by as much, or lower data.sequence_length"
            ) from error

    def of_disk(self, step: int, error: OSError) -> TrainingFailed:
        """Where something cannot be written."""
        path, reason = error.filename or self.run.path, error.strerror or error
        newest = self.run.checkpoints.newest_step()
        then = "" if newest is None else ", and the same command goes on from there"
        return TrainingFailed(f"{path}: {reason} at step {step}; {self._kept()}{then}")

    def _losses(self, found: dict, prefix: str) -> str:
        losses = {name: found[f"{prefix}{name}_loss"] for name in self.objectives}
        wrong = {name: loss for name, loss in losses.items() if not math.isfinite(loss)}
        return " and ".join(f"the {prefix}loss of {name} is {loss}" for name, loss in wrong.items())

    def _diverged(self, told: str) -> TrainingFailed:
        return TrainingFailed(
            f"{told}; {self._kept()}. A lower learning rate or "
            "training.global_clipnorm often helps; a changed spec begins with --restart"
        )

    def _kept(self) -> str:
        step = self.run.checkpoints.newest_step()
        return "there is no checkpoint" if step is None else f"the checkpoint of step {step} stands"


def _size(batch: Batch | None) -> str:
    if batch is None:
        return ""
    rows, length = batch.shape()
    return f", in a batch of {rows} rows of {length} tokens"


def _is_lack_of_memory(error: Exception) -> bool:
    """Each engine has an error of its own for it."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "ResourceExhaustedError"
        or "RESOURCE_EXHAUSTED" in str(error)
    )
