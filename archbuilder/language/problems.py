"""Problems of a spec: their location, their message, and the edit that fixes them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from archbuilder.errors import UserError


@dataclass(frozen=True, order=True)
class Edit:
    """The replacement of one word of a spec, which fixes a problem without changing the meaning."""

    file: str
    """Path of the file as the user wrote it."""
    line: int
    """Line of the word, counted from 1."""
    column: int
    """Column of the word, counted from 1."""
    old: str
    """The word to replace."""
    new: str
    """The replacement."""


class SpecError(UserError):
    """An error with all problems of a spec, each on one line with its location."""

    def __init__(self, lines: Iterable[str], edits: Iterable[Edit] = ()) -> None:
        """Create the error. Characters that a terminal cannot show are escaped.

        Args:
            lines: The problems, one line each.
            edits: The edits that fix some of the problems. Default: none.
        """
        self.lines = [_printable(line) for line in lines]
        self.edits = tuple(edits)
        super().__init__("\n".join(self.lines))


@dataclass(frozen=True)
class Problem:
    """A problem of one value, or of several values that do not fit together."""

    path: tuple[str | int, ...]
    """Keys and indices from the root to the value to change."""
    message: str
    """The description of the problem, without the location."""


def at_key(key: str | int, problems: Iterable[Problem]) -> Iterator[Problem]:
    """Yield the problems with `key` added at the front of their paths."""
    for problem in problems:
        yield Problem((key, *problem.path), problem.message)


def _printable(line: str) -> str:
    """Return the text as one line that any terminal can show."""
    line = line.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
