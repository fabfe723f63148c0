"""The interface that receives the progress of preparing text."""

from collections.abc import Callable


class ProgressListener:
    """Receives messages and progress. This implementation ignores them."""

    def tell(self, line: str) -> None:
        """Receive a message of one line."""

    def begin(self, what: str, total: int | None) -> Callable[[int], None]:
        """Start work on `total` bytes, if known; return what to call with the bytes done."""
        return lambda done: None

    def end(self) -> None:
        """End the work that was started last."""
