"""What a user did wrong, told in one sentence each."""

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike


class UserError(Exception):
    """A mistake of the user's: the message says what and where; the command line exits with 2."""


@contextmanager
def writable(path: PathLike) -> Iterator[None]:
    """What the system says against writing to `path`, as a mistake of whoever chose it."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error
