"""What is wrong in a spec: where it stands, and one sentence."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from archbuilder.errors import UserError


class SpecError(UserError):
    """Every mistake of a user's in a spec: one line each, with its place."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = [_printable(line) for line in lines]
        super().__init__("\n".join(self.lines))


@dataclass(frozen=True)
class Problem:
    """What a look at several parts finds; `path` leads from the root to the line to change."""

    path: tuple[str | int, ...]
    sentence: str


def at_key(step: str | int, problems: Iterable[Problem]) -> Iterator[Problem]:
    """The same mistakes, seen from one step further up."""
    for mistake in problems:
        yield Problem((step, *mistake.path), mistake.sentence)


def _printable(line: str) -> str:
    """One line that any terminal can show, whatever the spec or the file name held."""
    line = line.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
