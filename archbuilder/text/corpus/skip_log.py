"""Log of skipped text: empty lines, and records that lack text or labels."""

from archbuilder.text.record import SourceLocation
from archbuilder.text.skipped import Skipped


class SkipLog:
    """Counts of skipped text by reason, each with the location of the first case."""

    def __init__(self) -> None:
        self.empty_lines = 0
        """Number of empty lines between documents, which are not counted as skipped."""
        self._counts: dict[tuple[str, str], int] = {}
        self._first: dict[tuple[str, str], SourceLocation] = {}

    def add(self, unit: str, reason: str, location: SourceLocation) -> None:
        """Count one skipped unit.

        Args:
            unit: The counted unit, as in `Skipped.unit`.
            reason: A phrase such as "empty document".
            location: The location of the skipped text.
        """
        key = unit, reason
        self._counts[key] = self._counts.get(key, 0) + 1
        self._first.setdefault(key, location)

    def skipped(self) -> tuple[Skipped, ...]:
        """Return the skipped text by reason, in the order of first occurrence."""
        return tuple(
            Skipped(unit, reason, count, self._first[unit, reason])
            for (unit, reason), count in self._counts.items()
        )
