"""The file of a run's best model, in the Keras format (`.keras`)."""

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from archbuilder.errors import UserError
from archbuilder.files import replace_file

if TYPE_CHECKING:
    import keras


def save_model(model: "keras.Model", path: Path) -> None:
    """Save a model atomically: an interruption leaves the previous file unchanged."""
    with replace_file(path) as temporary:
        model.save(temporary)


def load_model(path: Path) -> "keras.Model":
    """Return a saved model, not compiled. Raise UserError if the file is missing or damaged."""
    import keras

    if not path.exists():
        raise UserError(f"{path.parent}: has no {path.name} yet; train it first")
    if not is_intact(path):
        raise UserError(f"{path}: is damaged; run the training command again to restore it")
    return keras.saving.load_model(path, compile=False)


def is_intact(path: Path) -> bool:
    """Return whether a file is a complete saved model with valid checksums."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile):
        return False
