"""The messages that the tests provoke, and their list in `docs/messages.md`.

    ARCHBUILDER_MESSAGES=FOLDER make test test-slow
    python -m tests.messages FOLDER [--check]

The first command records the messages in FOLDER. The second command writes the list, or with
`--check` prints the messages that are not listed and those that no test provokes any more.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from archbuilder.errors import UserError
from archbuilder.stopping import OperationFailedError
from archbuilder.training.loop.reporter import Reporter

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "messages.md"
VARIABLE = "ARCHBUILDER_MESSAGES"
"""Environment variable with the folder to record messages in."""

HEADER = """\
# Messages

The messages that the tests provoke, one example of each, with quoted names and numbers as the tests
have them. `tests/messages.py` writes this list.
"""

_LOCATION = re.compile(r"^[^\s:]+:\d+(:\d+)?: ")
_FOLDER = re.compile(r"(/[^\s:'\"]+)+/")
_SUBJECT = re.compile(r"^[\w./\[\]-]+: ")
_VARIABLE_PARTS = [
    (re.compile(r"^--set .*?: "), ""),
    (re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|&\w+"), "'…'"),
    (re.compile(r"0x[0-9a-f]+|U\+[0-9A-F]+|[-+.]*\d[\d,.e+-]*|[-+]?\.(inf|nan)\b", re.I), "N"),
]


def shortened(message: str) -> str:
    """Return a line of a message without its location and folders, in printable characters."""
    message = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message.strip())
    return _FOLDER.sub("", _LOCATION.sub("", message))


def template(message: str) -> str:
    """Return the words of a message without its subject, quoted names and numbers."""
    words = _SUBJECT.sub("", message)
    for pattern, replacement in _VARIABLE_PARTS:
        words = pattern.sub(replacement, words)
    return words


def _by_length(example: str) -> tuple[int, str]:
    return len(example), example


class Recorder:
    """Records one example of each message that this process creates."""

    def __init__(self) -> None:
        """Start to record."""
        self.examples: dict[str, str] = {}
        self.is_paused = False
        for cls in (UserError, OperationFailedError):
            cls.__init__ = self._recording(cls.__init__)
        Reporter.print = self._recording_warnings(Reporter.print)

    def _recording(self, method: Callable[..., None]) -> Callable[..., None]:
        def init(error: Exception, *arguments: Any, **options: Any) -> None:
            method(error, *arguments, **options)
            for line in str(error).splitlines():
                self.add(line)

        return init

    def _recording_warnings(self, method: Callable[..., None]) -> Callable[..., None]:
        def report(reporter: Reporter, line: str) -> None:
            if line.startswith("warning: "):
                self.add(line)
            method(reporter, line)

        return report

    def add(self, line: str) -> None:
        """Keep the shortest example of a message, unless paused."""
        if self.is_paused:
            return
        example = shortened(line)
        key = template(example)
        shortest = self.examples.get(key, example)
        self.examples[key] = min(shortest, example, key=_by_length)

    def save(self, folder: Path) -> None:
        """Write the examples to a file of this process."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{os.getpid()}.json"
        path.write_text(json.dumps(self.examples, ensure_ascii=False), encoding="utf-8")


def recorded(folder: Path) -> dict[str, str]:
    """Return the examples of all processes by template."""
    examples: dict[str, str] = {}
    for path in sorted(folder.glob("*.json")):
        for key, example in json.loads(path.read_text(encoding="utf-8")).items():
            examples[key] = min(examples.get(key, example), example, key=_by_length)
    return examples


def listed() -> dict[str, str]:
    """Return the examples in the document by template."""
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    examples = [line.removeprefix("    ") for line in lines if line.startswith("    ")]
    return {template(example): example for example in examples}


def document(examples: dict[str, str]) -> str:
    """Return the document with these examples, in alphabetical order."""
    ordered = sorted(examples.values(), key=lambda example: (template(example).lower(), example))
    return HEADER + "\n" + "".join(f"    {example}\n" for example in ordered)


def main() -> int:
    """Write or check the document; return the exit code."""
    parser = argparse.ArgumentParser(prog="tests.messages")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    examples = recorded(options.folder)
    if not options.check:
        DOCUMENT.write_text(document(examples), encoding="utf-8")
        return 0
    old = listed()
    differences = [f"not listed: {examples[key]}" for key in examples.keys() - old.keys()]
    differences += [f"not provoked: {old[key]}" for key in old.keys() - examples.keys()]
    print("\n".join([*sorted(differences), f"{len(examples)} messages"]))
    return bool(differences)


if __name__ == "__main__":
    sys.exit(main())
