"""The time of a run: in steps, waiting for data, and in all."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from time import perf_counter

from archbuilder.text.batch import Batch


class StepTimer:
    """Times steps; the first one, which includes tracing, does not count."""

    def __init__(self, seconds_before: float = 0.0) -> None:
        """`seconds_before`: the time the run took before it was resumed."""
        self.num_steps, self._seconds_before = 0, seconds_before
        self._run_start = self._first_step_end = self._window_start = perf_counter()
        self._waited, self._tokens = 0.0, 0

    def wait_for(self, batches: Future[list[Batch]]) -> list[Batch]:
        """Return the batches once they are ready; the time until then is waiting for data."""
        start = perf_counter()
        ready = batches.result()
        self._waited += perf_counter() - start
        return ready

    def count_step(self, batches: list[Batch]) -> None:
        """Count a step and its tokens, without padding."""
        self.num_steps += 1
        self._tokens += sum(batch.num_tokens() for batch in batches)

    def exclude_first_step(self) -> None:
        """Reset the timer after the first step, which includes tracing."""
        if self.num_steps == 1:
            self._first_step_end = perf_counter()
            self.reset_rates()

    def rates(self) -> dict[str, float]:
        """Return tokens per second and the fraction of time spent waiting, since the reset."""
        seconds = perf_counter() - self._window_start
        return {
            "tokens_per_second": self._tokens / seconds,
            "data_wait_fraction": self._waited / seconds,
        }

    def reset_rates(self) -> None:
        """Start a new window for `rates`."""
        self._window_start, self._waited, self._tokens = perf_counter(), 0.0, 0

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the time of the block out of `rates`."""
        start = perf_counter()
        yield
        self._window_start += perf_counter() - start

    def total_seconds(self) -> float:
        """Return the time of the run, that before it was resumed included."""
        return self._seconds_before + perf_counter() - self._run_start

    def seconds_per_step(self) -> float:
        """Return the mean time of a step so far, evaluations and checkpoints included."""
        return (perf_counter() - self._first_step_end) / max(self.num_steps - 1, 1)
