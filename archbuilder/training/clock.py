"""Where the time of a run goes."""

from time import perf_counter


class Clock:
    """Times steps; the first one, in which the graph is traced, is not counted."""

    def __init__(self, steps: int):
        self.todo, self.taken = steps, 0
        self._begun = self._since = perf_counter()
        self._waited, self._tokens = 0.0, 0

    def waited(self, result):
        """The batches that `result` gives; the time until they are there is waiting."""
        before = perf_counter()
        batches = result()
        self._waited += perf_counter() - before
        return batches

    def took_step(self, batches: list[dict]) -> None:
        self.taken += 1
        self._tokens += sum(
            int(array.sum())
            for batch in batches
            for name, array in batch.items()
            if name.endswith("padding_mask")
        )

    def settle(self) -> None:
        """After the first step, begin anew: it is not like the others."""
        if self.taken == 1:
            self._begun = perf_counter()
            self.restart()

    def rates(self) -> dict:
        """Real tokens a second, and the share of time spent waiting for data, since the restart."""
        seconds = perf_counter() - self._since
        return {
            "tokens_per_second": self._tokens / seconds,
            "waiting_share": self._waited / seconds,
        }

    def restart(self) -> None:
        """Rates are of what comes from here on."""
        self._since, self._waited, self._tokens = perf_counter(), 0.0, 0

    def pause(self, work):
        """Do `work`; the time it takes is not the steps'."""
        before = perf_counter()
        found = work()
        self._since += perf_counter() - before
        return found

    def left(self) -> float:
        """Seconds until the end at the pace so far, measuring and saving included."""
        counted = max(self.taken - 1, 1)
        return (perf_counter() - self._begun) / counted * (self.todo - self.taken)
