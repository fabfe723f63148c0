"""Text that is not used, or not as it is: what was skipped, why, and how often."""

from dataclasses import dataclass

from archbuilder.text.record import SourceLocation


@dataclass(frozen=True)
class Skipped:
    """Text that was skipped or shortened for one reason."""

    unit: str
    """What is counted: "documents", "sentences", "pairs" or "lines"."""
    reason: str
    """A phrase that follows the count in messages."""
    count: int
    """How many were skipped or shortened."""
    first_at: SourceLocation | None = None
    """Where the first of them is. Default: not known."""

    def __str__(self) -> str:
        first = "" if self.first_at is None else f", the first at {self.first_at}"
        return f"{self.count:,} {self.reason}{first}"
