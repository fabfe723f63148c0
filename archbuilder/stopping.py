"""Clean stops: the first Ctrl-C or SIGTERM requests one, the second interrupts at once."""

import signal
import threading
from types import FrameType


class StopRequest:
    """A context in which the first signal sets `is_requested` and the second interrupts at once.

    Outside the main thread, where Python receives no signals, `is_requested` stays false.
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
    """A stop that was requested; the state is saved, and the command line exits with 130."""


class OperationFailedError(Exception):
    """A failure that ends the operation; the message says why and what was saved. Exit code: 1."""


class TrainingFailedError(OperationFailedError):
    """A failure that ends training."""
