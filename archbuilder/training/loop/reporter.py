"""Printed progress of a run: lines of text, and a progress bar on a terminal."""

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
"""Minimum time between progress lines if the output is not a terminal."""
MAX_CHARACTERS = 100
"""Maximum number of characters of a printed text, such as a prediction."""
PrintedMetrics: TypeAlias = Mapping[str, Sequence[str]]
"""The names of the metrics that are printed after the loss of each loss term, by its name."""


class Reporter(ProgressListener):
    """A listener that prints lines and, on a terminal, shows a progress bar below them."""

    def __init__(self, console: Console | None = None, error: bool = False) -> None:
        """Create a reporter.

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
        """Start a task, and return a function to call with the number of units processed so far.

        Args:
            description: The task, such as "training".
            total: Number of units of the task, such as bytes or steps; None if it is unknown.
            lines: Whether to print a progress line every 10 seconds if the output is not a
                terminal, and the remaining time on a terminal. False: `step` and `live` do this.
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
        """Finish all tasks and remove the progress bar."""
        self._bar.below = ""
        self._bar.stop()
        for task in self._bar.task_ids:
            self._bar.remove_task(task)

    def step(
        self, record: dict, steps: int | None, printed: PrintedMetrics, seconds_left: float
    ) -> None:
        """Print a line about a step, unless the output is a terminal, where `live` shows it.

        Args:
            record: The metrics of the step.
            steps: Total number of steps; None if the run has a time limit.
            printed: The metrics to print.
            seconds_left: Estimate of the remaining time in seconds.
        """
        if self._bar.disable:
            self.print(_step_line(record, steps, printed, seconds_left))

    def live(
        self, record: dict, steps: int | None, printed: PrintedMetrics, seconds_left: float
    ) -> None:
        """Show the line of the last step below the progress bar, if the output is a terminal.

        The arguments are those of `step`.
        """
        if not self._bar.disable:
            self._bar.below = _step_line(record, steps, printed, seconds_left)

    def samples(self, samples: Sequence[Sample]) -> None:
        """Print each text of the samples on a line with its label.

        Long texts are truncated. Characters that the console cannot encode are escaped.
        """
        for sample in samples:
            width = max(map(len, sample.texts))
            for label, text in sample.texts.items():
                self.print(f"  {label:>{width}}: {_to_line(text, self.console.encoding)}")

    def evaluation(self, record: dict, printed: PrintedMetrics) -> None:
        """Print a line about an evaluation.

        Args:
            record: The validation metrics.
            printed: The metrics to print.
        """
        fields = [f"validation at {record['step']}", f"loss {record['validation_loss']:.3f}"]
        fields += [
            _loss_and_metrics(record, name, metrics, "validation_")
            for name, metrics in printed.items()
        ]
        self.print("  ".join(fields))

    def baseline(self, record: dict, baseline: Mapping[str, Mapping[str, float]]) -> None:
        """Print a line for each loss term that compares the model with the baseline.

        Args:
            record: The validation metrics of the model.
            baseline: The validation metrics, by loss term and name, of a baseline that always
                predicts according to the frequencies in the training data.
        """
        for name, metrics in baseline.items():
            fields, label = [], "predicting by frequency "
            for metric, value in metrics.items():
                model_value = record[f"validation_{name}_{metric}"]
                fields.append(f"{metric} {model_value:.3f} ({label}{value:.3f})")
                label = ""
            self.print(f"{name} on validation: {', '.join(fields)}")


class SilentReporter(Reporter):
    """A reporter that prints nothing, for the processes other than process 0."""

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
    """The estimated remaining time, unless the line below the bar includes it."""

    @override
    def render(self, task: Task) -> Text:
        return super().render(task) if task.fields["timed"] else Text()


def _step_line(
    record: dict, steps: int | None, printed: PrintedMetrics, seconds_left: float
) -> str:
    total, norm = "" if steps is None else f"/{steps}", record["gradient_norm"]
    fields = [f"step {record['step']}{total}", f"loss {record['loss']:.3f}"]
    fields += [_loss_and_metrics(record, name, metrics) for name, metrics in printed.items()]
    fields += [
        f"rate {record['learning_rate']:.2e}",
        "skipped (float16 overflow)" if norm is None else f"norm {norm:.2f}",
        f"{record['tokens_per_second']:,.0f} tokens/s",
        f"{_format_duration(seconds_left)} left",
    ]
    return "  ".join(fields)


def _to_line(text: str, encoding: str) -> str:
    """Return a text as one truncated line, with characters outside the encoding escaped."""
    line = "".join(character if character.isprintable() else " " for character in text)
    if len(line) > MAX_CHARACTERS:
        line = line[: MAX_CHARACTERS - 3] + "..."
    return line.encode(encoding, "backslashreplace").decode(encoding)


def _loss_and_metrics(record: dict, name: str, metrics: Sequence[str], prefix: str = "") -> str:
    values = {metric: record[f"{prefix}{name}_{metric}"] for metric in ("loss", *metrics)}
    return f"{name} {values.pop('loss'):.3f}" + "".join(
        f" {metric} {value:.3f}" for metric, value in values.items()
    )


def _format_duration(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
