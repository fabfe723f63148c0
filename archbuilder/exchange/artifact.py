"""What is written for others: it gets its name when it is whole; nothing stands there before."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from archbuilder.errors import UserError, writable


@contextmanager
def workplace(path: Path) -> Iterator[Path]:
    """A folder for a while, on the way to `path`, from where a rename is enough."""
    with ExitStack() as stack:
        with writable(path):
            above = next(folder for folder in path.absolute().parents if folder.exists())
            folder = tempfile.TemporaryDirectory(dir=above, prefix=".archbuilder.")
            trial = Path(stack.enter_context(folder), path.name)
            trial.touch()
            trial.unlink()
        yield trial.parent


def put(made: Path, path: Path) -> None:
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(path):  # It came into being while we worked.
            raise UserError(f"{path}: exists already")
        made.rename(path)
