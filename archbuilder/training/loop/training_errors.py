"""Errors that end a run: the step, the reason, and the last checkpoint."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from archbuilder.runs.run_folder import RunFolder
from archbuilder.stopping import TrainingFailedError
from archbuilder.text.batch import Batch
from archbuilder.training.recipe.recipe import Training


class TrainingErrors:
    """Creates the errors of a run; `names` are the names of its loss terms."""

    def __init__(self, recipe: Training, run: RunFolder, names: Sequence[str]) -> None:
        self._recipe, self._run, self._names = recipe, run, names

    def check_step(
        self, step: int, metrics: Mapping[str, float], norm: float, scales_losses: bool
    ) -> None:
        """Raise an error if the loss or the gradient norm of a step is NaN or infinite.

        Args:
            step: Number of the step.
            metrics: The metrics of the step.
            norm: The norm of the gradient.
            scales_losses: Whether the optimizer skips steps with a float16 overflow; then, the
                norm may be infinite.

        Raises:
            TrainingFailedError: The loss or the norm is not finite.
        """
        if math.isfinite(metrics["loss"]) and (scales_losses or math.isfinite(norm)):
            return
        count = self._recipe.batch.gradient_accumulation_steps
        first = (step - 1) * count
        batches = f"batch {first}" if count == 1 else f"batches {first} to {first + count - 1}"
        reason = self._losses(metrics, "") or f"the gradient norm is {norm}"
        raise self._diverged(f"at step {step}, {batches}, {reason}")

    def check_evaluation(self, step: int, metrics: Mapping[str, float]) -> None:
        """Raise `TrainingFailedError` if the validation loss is NaN or infinite."""
        if not math.isfinite(metrics["validation_loss"]):
            raise self._diverged(f"after step {step}, {self._losses(metrics, 'validation_')}")

    def check_weights(self, step: int, nonfinite: Sequence[str]) -> None:
        """Raise `TrainingFailedError` if any weight is NaN or infinite.

        Args:
            step: Number of the step.
            nonfinite: The names of the weights that contain NaN or infinity.
        """
        if nonfinite:
            count = len(nonfinite)
            weights = f"weight {nonfinite[0]} contains"
            if count > 1:
                weights = f"{count} weights, such as {nonfinite[0]}, contain"
            raise self._diverged(f"after step {step}, {weights} NaN or infinity")

    @contextmanager
    def out_of_memory(self, step: int, batch: Batch | None = None) -> Iterator[None]:
        """Convert out-of-memory errors of the context to `TrainingFailedError`.

        Args:
            step: Number of the step.
            batch: The batch, whose shape is reported.
        """
        try:
            yield
        except Exception as error:
            if not _is_out_of_memory(error):
                raise
            size = "tokens" if self._recipe.batch.tokens else "examples"
            raise TrainingFailedError(
                f"out of memory at step {step}{_shape(batch)}; {self._checkpoint()}. "
                f"Reduce training.batch.{size} and increase "
                "training.batch.gradient_accumulation_steps by the same factor, "
                "or reduce data.sequence_length"
            ) from error

    def disk_error(self, step: int, error: OSError) -> TrainingFailedError:
        """Return the error for a file that cannot be written.

        Args:
            step: Number of the step.
            error: The error of the operating system.
        """
        path, reason = error.filename or self._run.path, error.strerror or error
        newest = self._run.checkpoints.newest_step()
        hint = "" if newest is None else ", and the same command resumes from it"
        return TrainingFailedError(f"{path}: {reason} at step {step}; {self._checkpoint()}{hint}")

    def _losses(self, metrics: Mapping[str, float], prefix: str) -> str:
        losses = {name: metrics[f"{prefix}{name}_loss"] for name in self._names}
        nonfinite = {name: loss for name, loss in losses.items() if not math.isfinite(loss)}
        return " and ".join(
            f"the {prefix}loss of {name} is {loss}" for name, loss in nonfinite.items()
        )

    def _diverged(self, reason: str) -> TrainingFailedError:
        return TrainingFailedError(
            f"{reason}; {self._checkpoint()}. A lower learning rate or "
            "training.global_clipnorm often helps; a changed spec requires --restart"
        )

    def _checkpoint(self) -> str:
        step = self._run.checkpoints.newest_step()
        return (
            "there is no checkpoint" if step is None else f"the last checkpoint is of step {step}"
        )


def _shape(batch: Batch | None) -> str:
    if batch is None:
        return ""
    rows, length = batch.shape()
    return f", in a batch of {rows} rows of {length} tokens"


def _is_out_of_memory(error: Exception) -> bool:
    """Return whether an error is an out-of-memory error of Python, TensorFlow or JAX."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "ResourceExhaustedError"
        or "RESOURCE_EXHAUSTED" in str(error)
    )
