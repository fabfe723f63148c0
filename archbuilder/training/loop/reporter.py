"""What a run tells the person who watches: a header, a line now and then, and a bar."""

from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import TypeAlias

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from archbuilder.text.prepare import ProgressListener

SECONDS = 10
"""Between the lines that stand for a bar."""
READABLE = 100
"""Characters that are shown of a text."""
Printed: TypeAlias = Mapping[str, Sequence[str]]
"""The metrics of each loss term that are printed beside its loss."""


class Reporter(ProgressListener):
    """Lines for everybody; a progress bar below them where a terminal shows it."""

    def __init__(self, console: Console | None = None, error: bool = False):
        """Writes to the standard output, or to the standard `error`, unless given a console."""
        self.console = console or Console(highlight=False, soft_wrap=True, stderr=error)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            _TimeLeft(compact=True),
        )
        watched = self.console.is_terminal
        self._bar = _Bar(*columns, console=self.console, disable=not watched, transient=True)

    def tell(self, line: str) -> None:
        self.console.print(line, markup=False)

    def begin(self, what: str, total: int | None, lines: bool = True) -> Callable[[int], None]:
        """Some work on `total` of something; gives what to call with the number that is done.

        Where no terminal shows a bar, a line is told from time to time, if `lines`; or else `step`
        and `live` tell how it goes.
        """
        task = self._bar.add_task(what, total=total, timed=lines)
        self._bar.start()
        told = monotonic()

        def advance(done: int) -> None:
            nonlocal told
            self._bar.update(task, completed=done)
            if lines and self._bar.disable and monotonic() - told > SECONDS:
                told = monotonic()
                self.tell(f"{what}: " + (f"{done / total:.0%}" if total else f"{done:,}"))

        return advance

    def end(self) -> None:
        self._bar.below = ""
        self._bar.stop()
        for task in self._bar.task_ids:
            self._bar.remove_task(task)

    def step(self, record: dict, steps: int | None, printed: Printed, seconds_left: float) -> None:
        """One line on a step's record, where no terminal shows a live one."""
        if self._bar.disable:
            self.tell(_step(record, steps, printed, seconds_left))

    def live(self, record: dict, steps: int | None, printed: Printed, seconds_left: float) -> None:
        """The line below the bar, where a terminal shows it: the step that was taken last."""
        if not self._bar.disable:
            self._bar.below = _step(record, steps, printed, seconds_left)

    def samples(self, found: Sequence) -> None:
        """A line for each text of some examples, each a `Sample`, as far as a terminal can tell."""
        for sample in found:
            width = max(map(len, sample.texts))
            for label, text in sample.texts.items():
                self.tell(f"  {label:>{width}}: {_readable(text, self.console.encoding)}")

    def evaluation(self, found: dict, printed: Printed) -> None:
        """One line on a measurement of the validation text."""
        parts = [f"validation at {found['step']}", f"loss {found['validation_loss']:.3f}"]
        parts += [_term(found, name, metrics, "validation_") for name, metrics in printed.items()]
        self.tell("  ".join(parts))

    def baseline(self, found: dict, by_frequency: Mapping[str, Mapping[str, float]]) -> None:
        """Print a line for each loss term: the model beside predicting by frequency."""
        for name, metrics in by_frequency.items():
            parts, lead = [], "by frequency alone "
            for metric, value in metrics.items():
                of_model = found[f"validation_{name}_{metric}"]
                parts.append(f"{metric} {of_model:.3f} ({lead}{value:.3f})")
                lead = ""
            self.tell(f"{name} on validation: {', '.join(parts)}")


class Silent(Reporter):
    """Tells nothing: another process does."""

    def __init__(self) -> None:
        super().__init__(Console(quiet=True))


class _Bar(Progress):
    """A bar with a line below it."""

    below = ""

    def get_renderables(self):
        yield from super().get_renderables()
        if self.below:  # The console wraps nothing of itself, and a live line must fit.
            yield Text(self.below, no_wrap=False, overflow="fold")


class _TimeLeft(TimeRemainingColumn):
    """Nothing where the line below tells it."""

    def render(self, task):
        return super().render(task) if task.fields["timed"] else Text()


def _step(record: dict, steps: int | None, printed: Printed, seconds_left: float) -> str:
    of, norm = "" if steps is None else f"/{steps}", record["gradient_norm"]
    parts = [f"step {record['step']}{of}", f"loss {record['loss']:.3f}"]
    parts += [_term(record, name, metrics) for name, metrics in printed.items()]
    parts += [
        f"rate {record['learning_rate']:.2e}",
        "left out, as float16 overflowed" if norm is None else f"norm {norm:.2f}",
        f"{record['tokens_per_second']:,.0f} tokens/s",
        f"{_clock(seconds_left)} left",
    ]
    return "  ".join(parts)


def _readable(text: str, encoding: str) -> str:
    """A text in one line that is not too long, in characters that the encoding has."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    if len(line) > READABLE:
        line = line[: READABLE - 3] + "..."
    return line.encode(encoding, "backslashreplace").decode(encoding)


def _term(record: dict, name: str, metrics: Sequence[str], prefix: str = "") -> str:
    values = {metric: record[f"{prefix}{name}_{metric}"] for metric in ("loss", *metrics)}
    return f"{name} {values.pop('loss'):.3f}" + "".join(
        f" {metric} {value:.3f}" for metric, value in values.items()
    )


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
