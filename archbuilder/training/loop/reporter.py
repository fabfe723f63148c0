"""Prints the progress of a run: lines, and a bar on a terminal."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import monotonic
from typing import TypeAlias

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from archbuilder.text.prepare import ProgressListener
from archbuilder.tracking.sample import Sample

_SECONDS_BETWEEN_LINES = 10
"""Where a terminal would show a bar."""
MAX_CHARACTERS = 100
"""Characters that are printed of a text."""
Printed: TypeAlias = Mapping[str, Sequence[str]]
"""The metrics of each loss term that are printed beside its loss."""


class Reporter(ProgressListener):
    """Prints lines, and on a terminal a progress bar below them."""

    def __init__(self, console: Console | None = None, error: bool = False) -> None:
        """Print to the standard output, or standard `error`. Default: a new console for it."""
        self.console = console or Console(highlight=False, soft_wrap=True, stderr=error)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            _TimeLeft(compact=True),
        )
        disable = not self.console.is_terminal
        self._bar = _Bar(*columns, console=self.console, disable=disable, transient=True)

    def print(self, line: str) -> None:
        """Print a line."""
        self.console.print(line, markup=False)

    def start(
        self, description: str, total: int | None, lines: bool = True
    ) -> Callable[[int], None]:
        """Start work on `total` units, and return the function to call with the number done.

        Without a terminal a line is printed every few seconds if `lines`; otherwise `step` and
        `live` report the progress.
        """
        task = self._bar.add_task(description, total=total, timed=lines)
        self._bar.start()
        last_line = monotonic()

        def advance(done: int) -> None:
            nonlocal last_line
            self._bar.update(task, completed=done)
            if lines and self._bar.disable and monotonic() - last_line > _SECONDS_BETWEEN_LINES:
                last_line = monotonic()
                self.print(f"{description}: " + (f"{done / total:.0%}" if total else f"{done:,}"))

        return advance

    def finish(self) -> None:
        """End the work, and remove the bar."""
        self._bar.below = ""
        self._bar.stop()
        for task in self._bar.task_ids:
            self._bar.remove_task(task)

    def step(self, record: dict, steps: int | None, printed: Printed, seconds_left: float) -> None:
        """Print a line about a step, unless a terminal shows it already."""
        if self._bar.disable:
            self.print(_step(record, steps, printed, seconds_left))

    def live(self, record: dict, steps: int | None, printed: Printed, seconds_left: float) -> None:
        """Show the last step below the bar, on a terminal."""
        if not self._bar.disable:
            self._bar.below = _step(record, steps, printed, seconds_left)

    def samples(self, samples: Sequence[Sample]) -> None:
        """Print a line for each text of some examples, in characters that the console has."""
        for sample in samples:
            width = max(map(len, sample.texts))
            for label, text in sample.texts.items():
                self.print(f"  {label:>{width}}: {_readable(text, self.console.encoding)}")

    def evaluation(self, record: dict, printed: Printed) -> None:
        """Print a line about an evaluation."""
        parts = [f"validation at {record['step']}", f"loss {record['validation_loss']:.3f}"]
        parts += [_term(record, name, metrics, "validation_") for name, metrics in printed.items()]
        self.print("  ".join(parts))

    def baseline(self, record: dict, by_frequency: Mapping[str, Mapping[str, float]]) -> None:
        """Print a line for each loss term: the model beside predicting by frequency."""
        for name, metrics in by_frequency.items():
            parts, lead = [], "by frequency alone "
            for metric, value in metrics.items():
                of_model = record[f"validation_{name}_{metric}"]
                parts.append(f"{metric} {of_model:.3f} ({lead}{value:.3f})")
                lead = ""
            self.print(f"{name} on validation: {', '.join(parts)}")


class Silent(Reporter):
    """Prints nothing, as another process does."""

    def __init__(self) -> None:
        super().__init__(Console(quiet=True))


class _Bar(Progress):
    """A progress bar with a line below it."""

    below = ""

    def get_renderables(self) -> Iterator[RenderableType]:
        yield from super().get_renderables()
        if self.below:  # The console does not wrap lines, and this one must fit.
            yield Text(self.below, no_wrap=False, overflow="fold")


class _TimeLeft(TimeRemainingColumn):
    """The time left, unless the line below shows it."""

    def render(self, task: Task) -> Text:
        return super().render(task) if task.fields["timed"] else Text()


def _step(record: dict, steps: int | None, printed: Printed, seconds_left: float) -> str:
    total, norm = "" if steps is None else f"/{steps}", record["gradient_norm"]
    parts = [f"step {record['step']}{total}", f"loss {record['loss']:.3f}"]
    parts += [_term(record, name, metrics) for name, metrics in printed.items()]
    parts += [
        f"rate {record['learning_rate']:.2e}",
        "left out, as float16 overflowed" if norm is None else f"norm {norm:.2f}",
        f"{record['tokens_per_second']:,.0f} tokens/s",
        f"{_clock(seconds_left)} left",
    ]
    return "  ".join(parts)


def _readable(text: str, encoding: str) -> str:
    """Return a text as one line, truncated, in characters that the encoding has."""
    line = "".join(character if character.isprintable() else " " for character in text)
    if len(line) > MAX_CHARACTERS:
        line = line[: MAX_CHARACTERS - 3] + "..."
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
