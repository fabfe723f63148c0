"""Keras, imported on demand, without TensorFlow's start-up messages."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from archbuilder.errors import UserError


def load_keras(backend: str | None = None) -> None:
    """Import Keras without TensorFlow's start-up messages, which are of no use to the user.

    Args:
        backend: The Keras backend, unless the environment variable KERAS_BACKEND is set. Default:
            the backend of Keras's configuration file.

    Raises:
        UserError: The backend is unknown or not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # Allocate memory on demand.
    if backend is not None:
        os.environ.setdefault("KERAS_BACKEND", backend)
    try:
        with _stderr_discarded():
            import keras  # noqa: F401
            import tensorflow  # noqa: F401  Keras needs it to save a model, on any backend.
    except (ImportError, ValueError) as error:
        requested = os.environ.get("KERAS_BACKEND")
        prefix = f"KERAS_BACKEND is {requested!r}: " if requested else ""
        raise UserError(f"{prefix}Keras cannot be imported ({error})") from error


@contextmanager
def _stderr_discarded() -> Iterator[None]:
    """Discard what is written to the file descriptor 2.

    The messages are written before logging can be configured.
    """
    try:
        saved_descriptor = os.dup(2)
    except OSError:  # It is closed, so nothing can be written to it.
        yield
        return
    with open(os.devnull, "w") as null_device:
        os.dup2(null_device.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved_descriptor, 2)
        os.close(saved_descriptor)
