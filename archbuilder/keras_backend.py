"""Keras, loaded when it is needed, in silence, or with one sentence on why not."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from archbuilder.errors import UserError


def load_keras(engine: str | None = None) -> None:
    """Load Keras without TensorFlow's start-up messages, which say nothing that a user asked for.

    On `engine`, unless the environment chooses another. Raises `UserError` where KERAS_BACKEND,
    or Keras's own file of settings, names a backend that is unknown or not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # Memory is taken as needed.
    if engine is not None:
        os.environ.setdefault("KERAS_BACKEND", engine)
    try:
        with _no_errors_shown():
            import keras  # noqa: F401
            import tensorflow  # noqa: F401  Keras loads it to save a model, whatever it runs on.
    except (ImportError, ValueError) as error:
        backend = os.environ.get("KERAS_BACKEND")
        chosen = f"KERAS_BACKEND is {backend!r}: " if backend else ""
        raise UserError(f"{chosen}Keras cannot be loaded ({error})") from error


@contextmanager
def _no_errors_shown() -> Iterator[None]:
    """The messages come before logging can be set up: they are held back at the descriptor."""
    try:
        kept = os.dup(2)
    except OSError:  # It is closed, and nothing can be shown.
        yield
        return
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
