"""Where the time of a run goes."""

from time import perf_counter

from archbuilder.text.batch import Batch


class StepTimer:
    """Times steps; the first one, in which the graph is traced, is not counted."""

    def __init__(self, before: float = 0.0):
        """`before`: seconds that the run took until it was stopped."""
        self.taken, self._before = 0, before
        self._all = self._begun = self._since = perf_counter()
        self._waited, self._tokens = 0.0, 0

    def waited(self, result):
        """The batches that `result` gives; the time until they are there is waiting."""
        before = perf_counter()
        batches = result()
        self._waited += perf_counter() - before
        return batches

    def took_step(self, batches: list[Batch]) -> None:
        self.taken += 1
        self._tokens += sum(batch.num_tokens() for batch in batches)

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

    def seconds(self) -> float:
        """Of training in all, those before the run was stopped included."""
        return self._before + perf_counter() - self._all

    def pace(self) -> float:
        """Seconds a step so far, measuring and saving included."""
        return (perf_counter() - self._begun) / max(self.taken - 1, 1)
