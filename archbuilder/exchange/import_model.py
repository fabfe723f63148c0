"""Import of a Hugging Face folder as an experiment with weights, or as a run folder."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from archbuilder.errors import UserError
from archbuilder.experiment import Experiment
from archbuilder.files import publish, staging_directory
from archbuilder.pretrained.hugging_face import architecture_of
from archbuilder.pretrained.hugging_face.config import Config, HasWeights
from archbuilder.pretrained.hugging_face.folder import CONFIG, Arrays, read_json
from archbuilder.pretrained.hugging_face.tokenizer_reader import read_tokenizer
from archbuilder.pretrained.hugging_face.weights import (
    has_weights,
    read_weights,
    unused_weights,
)
from archbuilder.runs.model_file import save_model
from archbuilder.runs.run_folder import RunFolder
from archbuilder.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class ImportedModel:
    """The content of a Hugging Face folder."""

    experiment: Experiment
    """The model, and an objective for each of its heads."""
    weights: dict[str, np.ndarray]
    """The weights of the experiment's Keras model, by path."""
    vocabularies: tuple[Vocabulary, Vocabulary] | None
    """The vocabularies of the source and the target; None without a supported tokenizer."""
    not_imported: list[str]
    """Messages about content that was not imported."""


def import_folder(folder: Path, path: Path) -> ImportedModel:
    """Create a run folder from a folder in the format of `save_pretrained`.

    Args:
        folder: The Hugging Face folder.
        path: The run folder to create.

    Returns:
        The content of the Hugging Face folder.

    Raises:
        UserError: The folder cannot be imported. Nothing is written in this case.
    """
    check_import(folder, path)
    imported = read_folder(folder, _experiment_name(path))
    with staging_directory(path) as staging:
        run = RunFolder(staging / path.name)
        run.path.mkdir()
        run.create(imported.experiment, imported.vocabularies)
        model = imported.experiment.build()
        for weight in model.weights:
            weight.assign(imported.weights[weight.path])
        save_model(model, run.model)
        publish(run.path, path)
    return imported


def check_import(folder: Path, path: Path) -> None:
    """Raise UserError if `folder` is not a folder or `path` cannot be created. Load no model."""
    if not folder.is_dir():
        problem = "is a file, not a folder" if folder.exists() else "no such folder"
        raise UserError(f"{folder}: {problem}")
    if os.path.lexists(path):
        raise UserError(f"{path}: already exists")
    with staging_directory(path):
        pass


def read_folder(folder: Path, name: str) -> ImportedModel:
    """Return the model in a Hugging Face folder.

    Args:
        folder: The Hugging Face folder.
        name: The name of the experiment to create.

    Raises:
        UserError: A field, a weight or a file is missing, damaged or unsupported.
    """
    fields = read_json(folder / CONFIG)
    architecture = architecture_of(fields.get("model_type"))
    arrays = Arrays(folder, architecture.weight_names.body)
    experiment = experiment_of(fields, name, has_weights(architecture.weight_names, arrays))
    weight_names = architecture.weight_names_of(experiment.model)
    weights = read_weights(weight_names, arrays, weight_shapes(experiment), folder)
    unused = unused_weights(weight_names, arrays, experiment.objectives)
    not_imported = [f"skipped weights {name}: no objective uses them" for name in unused]
    try:
        vocabularies = _read_vocabularies(folder, fields, experiment.model.vocabulary_size)
    except UserError as error:  # The model is useful without a tokenizer.
        vocabularies = None
        not_imported.append(f"{error}; imported without a tokenizer, so it cannot process text")
    return ImportedModel(experiment, weights, vocabularies, not_imported)


def weight_shapes(experiment: Experiment) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight of an experiment's Keras model, by path."""
    return {
        f"{layer}/{weight}": shape
        for layer, weights in experiment.parameter_counter().weights.items()
        for weight, shape in weights.items()
    }


def experiment_of(fields: dict[str, Any], name: str, has_weights: HasWeights) -> Experiment:
    """Return the experiment that the fields of a `config.json` describe.

    Args:
        fields: The fields of the `config.json`.
        name: The experiment's name.
        has_weights: Function that returns whether the model has weights for the name of a layer or
            head.

    Raises:
        UserError: A spec cannot express a field, or the spec is invalid.
    """
    spec = plain_spec(fields, name, has_weights)
    try:
        experiment = Experiment.model_validate(spec)
    except ValidationError as error:
        first_error = error.errors()[0]
        raise _invalid_spec(first_error["loc"], first_error["msg"]) from error
    parts = {"model": experiment.model, "objectives": experiment.objectives}
    for problem in Experiment.problems(parts):
        raise _invalid_spec(problem.path, problem.message)
    return experiment


def plain_spec(fields: dict[str, Any], name: str, has_weights: HasWeights) -> dict[str, Any]:
    """Return the spec that the fields of a `config.json` describe, without validation.

    The arguments are those of `experiment_of`. The result is plain data.

    Raises:
        UserError: A spec cannot express a field.
    """
    architecture = architecture_of(fields.get("model_type"))
    model, heads = architecture.read(Config(fields, has_weights))
    heads = {head: settings for head, settings in heads.items() if has_weights(head)}
    uses_pooler = not heads or "next_sentence" in heads or "sentence_order" in heads
    if not (uses_pooler and has_weights("pooler")):
        model.pop("pooler", None)
    return {"name": name, "model": model, "objectives": heads}


def _invalid_spec(path: tuple, message: str) -> UserError:
    location = ".".join(map(str, path))
    return UserError(f"config.json: the resulting spec is invalid: {location}: {message}")


def _read_vocabularies(
    folder: Path, fields: dict[str, Any], vocabulary_size: int
) -> tuple[Vocabulary, Vocabulary]:
    vocabularies = read_tokenizer(folder, fields)
    if vocabularies is None:
        raise UserError(f"{folder}: contains no tokenizer")
    size = max(vocabulary.size for vocabulary in vocabularies)
    if size > vocabulary_size:
        raise UserError(
            f"{folder}: the tokenizer has {size} tokens, more than the model's vocabulary size, "
            f"{vocabulary_size}"
        )
    return vocabularies


def _experiment_name(path: Path) -> str:
    """Return a valid experiment name made from the name of a run folder."""
    name = re.sub(r"[^\w.-]", "_", path.resolve().name)
    return name if re.match(r"\w", name) else f"_{name}"
