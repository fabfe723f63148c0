"""Export of an experiment's model as a Hugging Face folder."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from archbuilder.errors import UserError
from archbuilder.exchange.heads import head_of, heads_of
from archbuilder.exchange.import_model import experiment_of
from archbuilder.experiment import Experiment
from archbuilder.pretrained.hugging_face import architecture_of, folder, similar_architectures
from archbuilder.pretrained.hugging_face.resolved import comparable_model
from archbuilder.pretrained.hugging_face.tokenizer_writer import tokenizer_files
from archbuilder.pretrained.hugging_face.weights import from_keras
from archbuilder.text.vocabulary import Vocabulary

_LAYER = re.compile(r"\.layer \d+")  # Part of a path that is removed from messages.


def write_folder(
    path: Path,
    experiment: Experiment,
    weights: dict[str, np.ndarray],
    vocabularies: tuple[Vocabulary, Vocabulary] | None,
) -> str:
    """Write a model and its tokenizer to a Hugging Face folder.

    Args:
        path: The folder to create.
        experiment: The experiment of the model.
        weights: The weights of the experiment's Keras model, by path.
        vocabularies: The vocabularies of the source and the target. None: the model has no
            tokenizer.

    Returns:
        A message that says why the tokenizer was not written, or "" if it was written.

    Raises:
        UserError: No supported architecture can describe the model.
    """
    fields = config_of(experiment)
    model, architecture = experiment.model, architecture_of(fields["model_type"])
    vocabulary = vocabularies[0] if vocabularies else None
    fields |= architecture.special_token_fields(vocabulary, model.is_encoder_decoder)
    files, note = {}, "written without a tokenizer: the run has none"
    if vocabularies is not None:
        try:
            files, note = tokenizer_files(vocabularies, model), ""
        except UserError as error:  # The model is useful without a tokenizer.
            note = f"written without a tokenizer: {error}"
    arrays = from_keras(architecture.weight_names_of(model), _rename_by_head(weights, experiment))
    if vocabulary is not None:
        architecture.fit_to_vocabulary(fields, arrays, vocabulary)
    folder.write_folder(path, fields, arrays)
    for name, content in files.items():
        (path / name).write_bytes(content)
    return note


def config_of(experiment: Experiment) -> dict[str, Any]:
    """Return the fields of a `config.json` that describes an experiment's model.

    Raises:
        UserError: No supported architecture can describe the model.
    """
    heads = heads_of(experiment)
    settings = {head: objective.model_dump(mode="json") for head, objective in heads.items()}
    closest: tuple[list[str], str] | None = None  # Unsupported settings, and the model type.
    for architecture in similar_architectures(experiment.model):
        fields = architecture.write(experiment.model, settings)
        if fields is None:
            continue
        try:
            unsupported = list(inexpressible_fields(fields, experiment))
        except UserError:  # The fields do not describe a valid model.
            continue
        if "architectures" not in fields:
            unsupported.append(f"objectives: the combination of {', '.join(heads)}")
        if not unsupported:
            return fields
        if closest is None or len(unsupported) < len(closest[0]):
            closest = unsupported, architecture.model_type
    if closest is None:
        raise UserError("no Hugging Face architecture is similar to this model")
    unsupported, model_type = closest
    raise UserError(
        f"the closest Hugging Face architecture, {model_type}, does not support "
        f"{'; '.join(unsupported[:3])}"
    )


def inexpressible_fields(fields: dict[str, Any], experiment: Experiment) -> Iterator[str]:
    """Yield each setting of an experiment's model that is lost in a `config.json`.

    A setting is text, such as `model.encoder.norm: rms_norm`.

    Args:
        fields: The fields of the `config.json`.
        experiment: The experiment.
    """
    heads = heads_of(experiment)
    layers = {*heads, *experiment.parameter_counter().weights}
    imported = experiment_of(fields, "imported", lambda layer: layer in layers)
    models = comparable_model(imported.model), comparable_model(experiment.model)
    yield from dict.fromkeys(_differences(*models, "model"))
    for name, head in heads_of(imported).items():
        for field in ("activation", "norm", "transform_bias"):
            expected = getattr(heads[name], field, None)
            if expected != getattr(head, field, None):
                yield f"objectives.{name}.{field}: {_format(expected)}"


def _rename_by_head(
    weights: dict[str, np.ndarray], experiment: Experiment
) -> dict[str, np.ndarray]:
    """Return the weights by path, with each objective's name replaced by the name of its head."""
    renamed = {}
    for path, array in weights.items():
        layer, slash, weight = path.partition("/")
        first, dot, rest = layer.partition(".")
        objective = experiment.objectives.get(first)
        head = first if objective is None else head_of(objective)
        renamed[f"{head}{dot}{rest}{slash}{weight}"] = array
    return renamed


def _differences(imported: Any, expected: Any, path: str) -> Iterator[str]:
    """Yield the path and the expected value of each setting that differs."""
    if isinstance(imported, dict) and isinstance(expected, dict):
        for key in {**expected, **imported}:
            yield from _differences(imported.get(key), expected.get(key), f"{path}.{key}")
    elif imported != expected:
        yield f"{_LAYER.sub('', path)}: {_format(expected)}"


def _format(value: Any) -> str:
    """Return the value of a setting as it is written in a spec."""
    if isinstance(value, dict):
        return str(value.get("type", value))
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else f"{value}"
