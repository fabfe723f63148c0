"""Progress of a run as printed lines, with a progress bar on a terminal."""

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
from typing_extensions import override

from archbuilder.text.prepare import ProgressListener
from archbuilder.tracking.sample import Sample

_SECONDS_BETWEEN_LINES = 10
"""Seconds between progress lines without a terminal."""
MAX_CHARACTERS = 100
"""Maximum number of characters of a text that are printed."""
Printed: TypeAlias = Mapping[str, Sequence[str]]
"""The metrics of each loss term that are printed in addition to its loss."""


class Reporter(ProgressListener):
    """Prints lines, and on a terminal a progress bar below them."""

    def __init__(self, console: Console | None = None, error: bool = False) -> None:
        """Create the reporter.

        Args:
            console: The console to print to. Default: a new console for standard output.
            error: Whether the default console prints to standard error.
        """
        self.console = console or Console(highlight=False, soft_wrap=True, stderr=error)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            _RemainingTime(compact=True),
        )
        disable = not self.console.is_terminal
        self._bar = _Bar(*columns, console=self.console, disable=disable, transient=True)

    @override
    def print(self, line: str) -> None:
        self.console.print(line, markup=False)

    @override
    def start(
        self, description: str, total: int | None, lines: bool = True
    ) -> Callable[[int], None]:
        """Start a task, and return a function to call with the number of units done.

        Args:
            description: The task, such as "training".
            total: Number of units of the task; None if it is unknown.
            lines: Whether a line is printed every few seconds without a terminal. If not, `step`
                and `live` report the progress.
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

    @override
    def finish(self) -> None:
        """Finish the task, and remove the progress bar."""
        self._bar.below = ""
        self._bar.stop()
        for task in self._bar.task_ids:
            self._bar.remove_task(task)

    def step(self, record: dict, steps: int | None, printed: Printed, seconds_left: float) -> None:
        """Print a line about a step, unless a terminal shows it below the bar."""
        if self._bar.disable:
            self.print(_step(record, steps, printed, seconds_left))

    def live(self, record: dict, steps: int | None, printed: Printed, seconds_left: float) -> None:
        """Show the last step below the progress bar, on a terminal."""
        if not self._bar.disable:
            self._bar.below = _step(record, steps, printed, seconds_left)

    def samples(self, samples: Sequence[Sample]) -> None:
        """Print each text of the samples on a line, in characters that the console supports."""
        for sample in samples:
            width = max(map(len, sample.texts))
            for label, text in sample.texts.items():
                self.print(f"  {label:>{width}}: {_readable(text, self.console.encoding)}")

    def evaluation(self, record: dict, printed: Printed) -> None:
        """Print a line about an evaluation."""
        fields = [f"validation at {record['step']}", f"loss {record['validation_loss']:.3f}"]
        fields += [_term(record, name, metrics, "validation_") for name, metrics in printed.items()]
        self.print("  ".join(fields))

    def baseline(self, record: dict, baseline: Mapping[str, Mapping[str, float]]) -> None:
        """Print a line for each loss term: the metrics of the model and of the baseline.

        Args:
            record: The metrics of the model.
            baseline: The metrics of predicting by frequency, by loss term.
        """
        for name, metrics in baseline.items():
            fields, label = [], "predicting by frequency "
            for metric, value in metrics.items():
                of_model = record[f"validation_{name}_{metric}"]
                fields.append(f"{metric} {of_model:.3f} ({label}{value:.3f})")
                label = ""
            self.print(f"{name} on validation: {', '.join(fields)}")


class SilentReporter(Reporter):
    """Prints nothing, since another process prints."""

    def __init__(self) -> None:
        super().__init__(Console(quiet=True))


class _Bar(Progress):
    """A progress bar with a line below it."""

    below = ""

    @override
    def get_renderables(self) -> Iterator[RenderableType]:
        yield from super().get_renderables()
        if self.below:  # The console does not wrap lines, but this line must fit the terminal.
            yield Text(self.below, no_wrap=False, overflow="fold")


class _RemainingTime(TimeRemainingColumn):
    """The remaining time, unless the line below the bar shows it."""

    @override
    def render(self, task: Task) -> Text:
        return super().render(task) if task.fields["timed"] else Text()


def _step(record: dict, steps: int | None, printed: Printed, seconds_left: float) -> str:
    total, norm = "" if steps is None else f"/{steps}", record["gradient_norm"]
    fields = [f"step {record['step']}{total}", f"loss {record['loss']:.3f}"]
    fields += [_term(record, name, metrics) for name, metrics in printed.items()]
    fields += [
        f"rate {record['learning_rate']:.2e}",
        "skipped (float16 overflow)" if norm is None else f"norm {norm:.2f}",
        f"{record['tokens_per_second']:,.0f} tokens/s",
        f"{_clock(seconds_left)} left",
    ]
    return "  ".join(fields)


def _readable(text: str, encoding: str) -> str:
    """Return a text as a truncated line, in characters that the encoding supports."""
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
