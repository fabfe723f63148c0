"""Errors that are caused by user input, each with a message of one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike


class UserError(Exception):
    """A mistake in the input. The message says what is wrong and where.

    The command line prints the message and exits with code 2.
    """


@contextmanager
def writable(path: PathLike[str]) -> Iterator[None]:
    """Convert an OSError while writing `path` into a UserError."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error
