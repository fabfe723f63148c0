"""Stop signals (Ctrl-C and SIGTERM), and the exceptions that end a command."""

import signal
import threading
from types import FrameType


class StopRequest:
    """A context manager that turns Ctrl-C and SIGTERM into requests to stop.

    The first signal sets `is_requested`, so that the current step can finish and be saved. The
    second signal raises `KeyboardInterrupt` immediately. Python receives signals only in the main
    thread; in other threads, `is_requested` remains false.
    """

    def __init__(self) -> None:
        self.is_requested = False
        self._previous_handlers: dict = {}

    def __enter__(self) -> "StopRequest":
        for number in (signal.SIGINT, signal.SIGTERM) if _receives_signals() else ():
            self._previous_handlers[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.is_requested:
            raise KeyboardInterrupt
        self.is_requested = True


def raise_interrupt_on_sigterm() -> None:
    """Make SIGTERM raise `KeyboardInterrupt`, as Ctrl-C does."""
    if _receives_signals():
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def _receives_signals() -> bool:
    return threading.current_thread() is threading.main_thread()


class RunInterruptedError(Exception):
    """A stop by Ctrl-C or SIGTERM. The command line prints the message and exits with code 130."""


class OperationFailedError(Exception):
    """A failure that is not a mistake in the input, such as a full disk or a failed worker process.

    The command line prints the message and exits with code 1.
    """


class TrainingFailedError(OperationFailedError):
    """A failure that ends training. The message says which checkpoint is saved."""
