"""Clean stops: the first Ctrl-C or SIGTERM requests one, the second interrupts at once."""

import signal
import threading
from types import FrameType


class StopRequest:
    """A context in which the first signal sets `asked`, and a second one interrupts at once.

    Outside the main thread, where Python receives no signals, `asked` stays false.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict = {}

    def __enter__(self) -> "StopRequest":
        for number in (signal.SIGINT, signal.SIGTERM) if _takes_signals() else ():
            self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


def terminate_as_interrupt() -> None:
    """Make SIGTERM raise `KeyboardInterrupt`, as Ctrl-C does."""
    if _takes_signals():
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def _takes_signals() -> bool:
    return threading.current_thread() is threading.main_thread()


class Interrupted(Exception):
    """Training was asked to stop, and its state is saved; the command line exits with 130."""


class WorkFailed(Exception):
    """Work cannot go on; the message says why and what was saved. The exit code is 1."""


class TrainingFailed(WorkFailed):
    """Training cannot go on."""
