"""The log of what a corpus does not read: empty lines, and records that lack something."""

from archbuilder.text.record import SourceLocation
from archbuilder.text.skipped import Skipped


class SkipLog:
    """Counts what is skipped, by reason, with the location of the first."""

    def __init__(self) -> None:
        self.empty_lines = 0
        """Empty lines between documents, which are not counted as skipped."""
        self._counts: dict[tuple[str, str], int] = {}
        self._first: dict[tuple[str, str], SourceLocation] = {}

    def add(self, unit: str, reason: str, location: SourceLocation) -> None:
        """Count one that is skipped.

        Args:
            unit: What is counted, as in `Skipped.unit`.
            reason: A phrase such as "empty document".
            location: Where it is.
        """
        key = unit, reason
        self._counts[key] = self._counts.get(key, 0) + 1
        self._first.setdefault(key, location)

    def skipped(self) -> tuple[Skipped, ...]:
        """Return what was skipped so far, in the order of its first locations in the text."""
        return tuple(
            Skipped(unit, reason, count, self._first[unit, reason])
            for (unit, reason), count in self._counts.items()
        )
