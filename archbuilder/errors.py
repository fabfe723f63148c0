"""The exception for mistakes in user input."""

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike


class UserError(Exception):
    """A mistake in user input. The message says what is wrong, where, and how to fix it.

    The command line prints the message and exits with code 2.
    """


@contextmanager
def writable(path: PathLike[str]) -> Iterator[None]:
    """Convert an `OSError` in the block, which writes `path`, to a `UserError`."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error
