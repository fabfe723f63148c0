"""Import: a run folder out of a model that was made elsewhere."""

import os
import re
from pathlib import Path

from archbuilder.errors import UserError
from archbuilder.exchange.artifact import put, workplace
from archbuilder.exchange.hugging_face.reading import Found, read_folder
from archbuilder.runs.model_file import save_model
from archbuilder.runs.run_folder import RunFolder


def import_folder(folder: Path, path: Path) -> Found:
    """Make the run folder `path` of a folder as `save_pretrained` of `transformers` leaves it.

    Raises `UserError` for what a spec cannot say, by its name; nothing stands there then.
    """
    check(folder, path)
    found = read_folder(folder, _name(path))
    with workplace(path) as place:
        run = RunFolder(place / path.name)
        run.path.mkdir()
        run.create(found.experiment, found.vocabularies)
        model = found.experiment.build()
        for weight in model.weights:
            weight.assign(found.weights[weight.path])
        save_model(model, run.model)
        put(run.path, path)
    return found


def check(folder: Path, path: Path) -> None:
    """What is wrong with the wish, without reading a model."""
    if not folder.is_dir():
        told = "is a file, not a folder" if folder.exists() else "there is no such folder"
        raise UserError(f"{folder}: {told}")
    if os.path.lexists(path):
        raise UserError(f"{path}: exists already")
    with workplace(path):
        pass


def _name(path: Path) -> str:
    """What a spec in a folder may be called."""
    name = re.sub(r"[^\w.-]", "_", path.resolve().name)
    return name if re.match(r"\w", name) else f"_{name}"
