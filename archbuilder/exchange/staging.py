"""Write artifacts to a staging directory and publish them atomically."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from archbuilder.errors import UserError, writable


@contextmanager
def staging_directory(path: Path) -> Iterator[Path]:
    """Create a temporary directory on the file system of `path`.

    Raises:
        UserError: `path` cannot be written.
    """
    with ExitStack() as stack:
        with writable(path):
            parent = next(folder for folder in path.absolute().parents if folder.exists())
            folder = tempfile.TemporaryDirectory(dir=parent, prefix=".archbuilder.")
            probe = Path(stack.enter_context(folder), path.name)
            probe.touch()
            probe.unlink()
        yield probe.parent


def publish(staged: Path, path: Path) -> None:
    """Move a file or folder from its staging directory to `path`.

    Raises:
        UserError: `path` exists or cannot be written.
    """
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(path):  # Created in the meantime.
            raise UserError(f"{path}: exists already")
        staged.rename(path)
