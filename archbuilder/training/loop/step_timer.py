"""Time measurement of a run: steps, waiting for data, and total time."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from time import perf_counter

from archbuilder.text.batch import Batch


class StepTimer:
    """Measures the time of steps, except for the first step, which includes tracing."""

    def __init__(self, seconds_before: float = 0.0) -> None:
        """Start the timer.

        Args:
            seconds_before: Time of the run before it was resumed.
        """
        self.num_steps, self._seconds_before = 0, seconds_before
        self._run_start = self._first_step_end = self._window_start = perf_counter()
        self._data_wait, self._tokens = 0.0, 0

    def wait_for(self, batches: Future[list[Batch]]) -> list[Batch]:
        """Wait until the batches are ready, and return them; the time counts as data wait."""
        start = perf_counter()
        ready = batches.result()
        self._data_wait += perf_counter() - start
        return ready

    def count_step(self, batches: list[Batch]) -> None:
        """Count a step and its tokens (without padding)."""
        self.num_steps += 1
        self._tokens += sum(batch.num_tokens() for batch in batches)

    def exclude_first_step(self) -> None:
        """Reset the timer after the first step, which includes tracing."""
        if self.num_steps == 1:
            self._first_step_end = perf_counter()
            self.reset_rates()

    def rates(self) -> dict[str, float]:
        """Return tokens per second and the fraction of data wait, since the last reset."""
        seconds = perf_counter() - self._window_start
        return {
            "tokens_per_second": self._tokens / seconds,
            "data_wait_fraction": self._data_wait / seconds,
        }

    def reset_rates(self) -> None:
        """Reset the time, the tokens and the data wait of `rates`."""
        self._window_start, self._data_wait, self._tokens = perf_counter(), 0.0, 0

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Exclude the time of the context from `rates`."""
        start = perf_counter()
        yield
        self._window_start += perf_counter() - start

    def total_seconds(self) -> float:
        """Return the total time of the run, including the time before it was resumed."""
        return self._seconds_before + perf_counter() - self._run_start

    def seconds_per_step(self) -> float:
        """Return the mean time of a step, including evaluations and checkpoints."""
        return (perf_counter() - self._first_step_end) / max(self.num_steps - 1, 1)
