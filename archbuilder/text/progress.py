"""Interface that receives messages and progress while text is prepared."""

from collections.abc import Callable


class ProgressListener:
    """Receives messages and progress. The default implementation ignores them."""

    def print(self, line: str) -> None:
        """Print a message of one line."""

    def start(self, description: str, total: int | None) -> Callable[[int], None]:
        """Start a task.

        Args:
            description: The task, such as "reading data.train".
            total: The bytes to process; None if the number is unknown.

        Returns:
            A function to call with the number of bytes processed so far.
        """
        return lambda done: None

    def finish(self) -> None:
        """Finish the task that was started last."""
