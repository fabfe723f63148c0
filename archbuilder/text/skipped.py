"""Counts of text that was skipped or shortened, with the reason."""

from dataclasses import dataclass

from archbuilder.text.record import SourceLocation


@dataclass(frozen=True)
class Skipped:
    """Text that was skipped or shortened for one reason."""

    unit: str
    """Counted unit: "documents", "sentences", "pairs" or "lines"."""
    reason: str
    """Phrase that follows the count in messages."""
    count: int
    """Number of units that were skipped or shortened."""
    first_at: SourceLocation | None = None
    """Location of the first skipped or shortened unit. Default: None, unknown."""

    def __str__(self) -> str:
        first = "" if self.first_at is None else f", the first at {self.first_at}"
        return f"{self.count:,} {self.reason}{first}"
