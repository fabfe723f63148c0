"""Mistakes of users, each a message of one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike


class UserError(Exception):
    """A mistake of the user's: the message says what and where; the command line exits with 2."""


@contextmanager
def writable(path: PathLike[str]) -> Iterator[None]:
    """Convert an OSError while writing `path` into a UserError."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error
